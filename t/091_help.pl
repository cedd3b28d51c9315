# hms_help: a line a function, found by a word, all there is to know of one; what it says is so, and its examples run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Docs;
use Hms;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, %{ cron_settings() }, 'hms.webhook_unproven' => 'on', 'hms.beam_url' => "$api->{origin}/api/v2", 'hms.policy_url' => "$api->{origin}/policy/v1");

my @functions = @{ $db->column(<<'SQL') };
SELECT DISTINCT p.proname FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'hms'
WHERE p.proname LIKE 'hms\_%' ORDER BY 1
SQL

# What psql shows on a terminal, line for line.
sub screen
{
	my ($sql) = @_;
	my ($code, $out, $err) = $db->run($sql, extra_params => [ '-P', 'format=aligned', '-P', 'tuples_only=off' ]);
	is("$code$err", '0', "$sql runs") or diag $err;
	utf8::decode($out);
	return split /\n/, $out;
}

sub is_narrow
{
	my ($name, @lines) = @_;
	is_deeply([ grep { length > 80 } @lines ], [], "$name fits 80 columns");
	return;
}

my @all = screen('SELECT * FROM hms_help()');
is_narrow('the list', @all);
is(scalar @all, @functions + 3, 'a line a function');
my $list = $db->rows('SELECT * FROM hms_help()');
is_deeply([ sort map { $_->{function} } @$list ], \@functions, 'every function is there once');
is_deeply([ grep { !length $_->{what} || $_->{what} =~ /\n/ } @$list ], [], 'each says what it does');
is($list->[0]{function}, 'hms_auth_token', 'what is needed first comes first');

# level is what hms_grant goes by
my %level = map { $_->{function} => $_->{level} } @$list;
foreach my $level (qw(tokens read write))
{
	is_deeply([ sort grep { $level{$_} eq $level } keys %level ],
		$db->column("SELECT DISTINCT p.proname FROM hms_internal._hms_functions('$level') AS f JOIN pg_proc AS p ON p.oid = f ORDER BY 1"),
		"level $level is what hms_grant grants");
}
is($level{hms_check}, 'read',   'hms_check is for readers');
is($level{hms_help},  'public', 'hms_help for everybody');
is($level{hms_grant}, 'owner',  'hms_grant for the owner');
is($db->value('CREATE ROLE nobody_special; SET ROLE nobody_special; SELECT count(*) FROM hms_help()'), scalar @functions, 'everybody may ask');
my @seen = $api->during(sub { $db->value("SELECT count(*) FROM hms_help('rooms')") });
is(scalar @seen, 0, 'and nothing is sent');

# words
sub found { my ($word) = @_; return map { $_->{function} } @{ $db->rows("SELECT * FROM hms_help('$word') WHERE function LIKE 'hms\\_%'") } }
is_deeply([ (found('webhook'))[0 .. 3] ], [qw(hms_webhook_events hms_replay_webhook_events hms_webhook_replay hms_receive_webhook)], 'a word finds what it is about');
is_deeply([ found('peak_at') ],    ['hms_session_usage'], 'a column');
is_deeply([ found('not_before') ], [qw(hms_auth_token hms_management_token)], 'an argument');
is_deeply([ found('TIMED-metadata') ], ['hms_send_timed_metadata'], 'a path, in any case');
is_deeply([ found('nothing at all') ], [], 'or nothing');
is_deeply([ found('%mute%') ], [], 'and is no pattern');
is_deeply([ found('hms_rooms') ], ['hms_rooms'], 'a whole name finds that function only');
is((found('rooms'))[0], 'hms_rooms', 'without hms_ it comes first');

# one function: each argument, column, endpoint and an example
{
	my @lines = @{ $db->rows(q{SELECT * FROM hms_help('hms_session_usage')}) };
	my %part;
	my $label;
	foreach (@lines) { $label = $_->{function} // $label; push @{ $part{$label} }, $_->{what} }
	is("@{ $part{columns} }", 'session_id text, room_id text, started_at timestamptz, ended_at timestamptz, active boolean, duration interval, peers integer, users integer, joins integer, participant_time interval, participant_minutes numeric, peak_peers integer, peak_at timestamptz', 'columns');
	like("@{ $part{arguments} }", qr/^(\[?)room_id text(\]?), \[after timestamptz\], \[before timestamptz\]$/, 'arguments');
	like("@{ $part{or} }", qr/^room_ids text\[\], \[after timestamptz\], \[before timestamptz\]$/, 'those of the other form');
	is("@{ $part{endpoint} }", 'GET /sessions', 'endpoint');
	like("@{ $part{example} }", qr/^SELECT .*hms_session_usage\(.*;$/, 'example');
}
my %sends = map { $_ => 1 } @{ $db->column('SELECT DISTINCT unnest(functions) FROM hms_internal._hms_endpoints()') };

my %screens;
{
	my $name;
	foreach (screen(join ";\n", map { ("\\echo == $_\nSELECT * FROM hms_help('$_')") } @functions))
	{
		if (/^== (\w+)/) { $name = $1 }
		else { push @{ $screens{$name} }, $_ }
	}
}
my $silent  = qr/^hms_(?:sync|verify_mirror|mirror_status|template_recordings)$/;    # these need not return a row
my $session = $db->session;
$session->ask('SET client_min_messages = warning');
my $with_cron = %{ cron_settings() };
$session->value('CREATE EXTENSION pg_cron') if $with_cron;
$session->value("CREATE ROLE app; CREATE SCHEMA video; SELECT hms_create_mirror('video')");
foreach my $function (@functions)
{
	is_narrow($function, @{ $screens{$function} });
	my %part = map { /^ (\w+)/ ? ($1 => 1) : () } @{ $screens{$function} };
	ok($part{arguments} && $part{columns} && $part{example}, "$function has its parts");
	ok($part{endpoint}, "$function has its endpoint") if $sends{$function};

	# what psql shows can be typed
	my $example = '';
	foreach (@{ $screens{$function} })
	{
		next unless $example ne '' || /^ example/;
		$example .= s/^[^|]*\| (.*?) *\|[^|]*\z/$1\n/r;
		last if $example =~ /;\s*\z/;
	}
	like($example, qr/\b$function\(/, "the example of $function is one of it");
SKIP:
	{
		skip 'pg_cron is not installed', 2 if $function eq 'hms_schedule_mirror' && !$with_cron;

		# what an earlier one has changed may stand in its way
		my ($out, $err);
		foreach (1 .. 2)
		{
			($out, $err) = $session->ask("$example\n\\echo rows :ROW_COUNT");
			last if $out =~ /^rows [1-9]/m || $function =~ /$silent/;
			$api->reset;
		}
		is($err, '', 'and runs') or diag $example;
		like($out, qr/^rows [1-9]/m, "it returns something: $function") unless $function =~ /$silent/;
	}
}
$session->quit;

done_testing();
