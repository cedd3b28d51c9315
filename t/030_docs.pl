# The documents keep their word: the SQL of the guides for people who move here runs, shows every call that their tables
# name, and sends the requests named there; names in the documents exist; the reference is what the catalog says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Docs;
use Hms;
use Test::More;
use Text::Wrap;

# What there is to move from: every call of the Node SDK 0.3, and of the OpenTok SDK's README.
my %calls = (
	'docs/from-the-node-sdk.md' => {
		'hms.auth'            => [qw(getAuthToken getManagementToken)],
		'hms.api'             => [qw(get post)],
		'hms.rooms'           => [qw(create list retrieveById retrieveByName update enableOrDisable)],
		'hms.sessions'        => [qw(list retrieveById retrieveActiveByRoom)],
		'hms.activeRooms'     => [qw(retrieve retrieveActivePeers retrievePeerDetails updatePeer sendMessage removePeer end)],
		'hms.analytics'       => [qw(listTrackEvents listRecordingEvents)],
		'hms.roomCodes'       => [qw(create createForRole list enableOrDisable)],
		'hms.recordings'      => [qw(start list retrieve stop stopAll)],
		'hms.recordingAssets' => [qw(list retrieve generatePreSignedURL)],
		'hms.liveStreams' =>
		  [qw(start list retrieve sendTimedMetadata pauseRecording resumeRecording stop stopAll)],
		'hms.externalStreams' => [qw(start list retrieve stop stopAll)],
		'hms'                 => [qw(setLogLevel)],
	},
	'docs/from-opentok.md' => {
		opentok => [
			qw(createSession generateToken startArchive stopArchive getArchive deleteArchive listArchives forceDisconnect dial)
		],
		session => [qw(generateToken)],
		archive => [qw(stop delete)],
	});

my $db;
foreach my $name (sort keys %calls)
{
	(my $api, $db) = run_document($name);
	my @sent   = map { "$_->{method} $_->{path}" } $api->log;
	my $sql    = join '', map { $_->[1] =~ s/^\s*--.*\n//gmr } statements($name);
	my @tables = grep { /^\|/ } split /\n/, document($name);
	my $prefix = $api->{url} =~ m{(/v2)$} ? $1 : die;

	my %called = map { $_ => 1 } map { /`(?:new )?([\w.]+)\(/g } map { (split /\|/)[1] } @tables;
	foreach my $object (sort keys %{ $calls{$name} })
	{
		ok($called{"$object.$_"}, "$name has $object.$_") foreach @{ $calls{$name}{$object} };
	}

	my %function = map { $_ => 1 } map { /`(hms_\w+)\(/g } @tables;
	like($sql, qr/\b$_\(/, "$name shows $_") foreach sort keys %function;

	my %request = map { $_ => 1 } map { /`((?:GET|POST|DELETE) \/[^`]*)`/g } @tables;
	cmp_ok(scalar keys %request, '>', 5, "$name names requests");
	foreach my $request (sort keys %request)
	{
		my ($method, $path) = split / /, $request;
		my $wanted = join '[^/]+', map { quotemeta } split /\{\w+\}/, $path, -1;
		ok(scalar(grep { m{^$method $prefix$wanted$} } @sent), "$name sends $request");
	}
}

# Names that end in _ stand for all that begin so.
my @names = @{ $db->column(<<'SQL') };
SELECT coalesce(p.proname, t.typname)
FROM pg_depend AS d
    JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'hms'
    LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
    LEFT JOIN pg_type AS t ON d.classid = 'pg_type'::regclass AND d.objid = t.oid
WHERE coalesce(p.proname, t.typname) LIKE 'hms\_%'
UNION ALL VALUES ('hms_internal'), ('hms_reports') -- the schema; what script/tle makes
SQL
foreach my $name ('README.md', sort map { s{^.*(?=docs/)}{}r } glob "$ENV{top_builddir}/docs/*.md")
{
	my %used = map { $_ => 1 } document($name) =~ /\b(hms_\w+)/g;
	my @unknown = grep {
		my $used = $_;
		!grep { $used =~ /_$/ ? /^\Q$used/ : $_ eq $used } @names
	} sort keys %used;
	is("@unknown", '', "$name names only what exists");
}

my ($code, $reference, $err) =
  $db->run("\\i $ENV{top_builddir}/script/reference.sql", extra_params => ['-q']);
is("$code$err", '0', 'the reference can be made');
ok(document('docs/reference.md') eq "$reference\n", 'docs/reference.md is up to date (script/reference writes it)');

# Each entry of the reference fits a screen, and is found by name: a screen is 50 lines of 80 columns.
{
	local $Text::Wrap::columns = 81;
	my %lines = map { my ($name, @lines) = split /\n/; $name => 1 + map { split /\n/, wrap('', '', $_) || ' ' } @lines }
	  $reference =~ /^### (.*?\n)(?=##|\z)/gms;
	is_deeply([ grep { $lines{$_} > 50 } sort keys %lines ], [], 'each entry of the reference fits a screen');
	my %public = map { $_ => 1 } @{ $db->column("SELECT function FROM hms_help()") };
	is_deeply([ grep { !$lines{$_} } sort keys %public ], [], 'each function has one');
	is_deeply([ grep { $reference !~ /^### $_\n(?:(?!^##).*\n)*- Example: `\w.*;`$/m } sort keys %public ], [], 'with an example');
	my ($index) = $reference =~ /^## Functions\n(.*?)^## /ms;
	is_deeply([ grep { $index !~ /\[$_\]\(#$_\)/ } sort keys %public ], [], 'the index of the reference names each');
	like(document('README.md'), qr{\(docs/reference\.md#functions\)}, 'and README leads there');
}

# Every link within the checkout leads somewhere.
{
	my %anchors = map { my $page = $_; $page => { map { $_ => 1 } map { lc s/[^\w\- ]//gr =~ s/ /-/gr } document($page) =~ /^#+ (.*)/gm } } pages(), qw(CHANGELOG.md CONTRIBUTING.md SECURITY.md test/standin/README.md);
	my @lost;
	foreach my $page (sort keys %anchors)
	{
		my ($folder) = $page =~ m{^(.*/)?};
		foreach my $link (document($page) =~ s/^```.*?^```//gmsr =~ /\]\(([^)\s]+)\)/g)
		{
			next if $link =~ m{^\w+:};
			my ($path, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
			my $to = $path eq '' ? $page : ($folder // '') . $path;
			$to =~ s{[^/]+/\.\./}{} while $to =~ m{/\.\./};
			push @lost, "$page: $link" if !-e "$ENV{top_builddir}/$to" || defined $anchor && $anchors{$to} && !$anchors{$to}{$anchor};
		}
	}
	is_deeply(\@lost, [], 'every link leads to a page, and to a heading of it');
}

done_testing();
