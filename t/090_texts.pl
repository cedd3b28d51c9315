# What was said, written and summed up: transcripts, chats and summaries, from the files that the API links to.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use MIME::Base64;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api);

# The assets of a session that has all of them.
my $world   = $api->world;
my ($job)   = map { $_->{job_id} } grep { $_->{type} eq 'summary' } @{ $world->{recording_assets} };
my %asset   = map { (($_->{metadata}{output_mode} // '') . $_->{type} => $_) } grep { $_->{job_id} eq $job } @{ $world->{recording_assets} };
my $session = $asset{chat}{session_id};
my ($recording) = grep { $_->{id} eq $job } @{ $world->{recordings} };

# Puts an asset and its file into the world; returns its id.
my $number = 0;

sub craft
{
	my ($type, $content, %member) = @_;
	my $id   = sprintf 'crafted-%d', ++$number;
	my $path = "s3://crafted/$id";
	$api->add(
		recording_assets => [
			{
				id => $id, job_id => "job-$number", room_id => $asset{chat}{room_id}, session_id => "session-$number",
				type => $type, status => 'completed', path => $path, size => 1, duration => 1,
				created_at => '2026-01-01T00:00:00Z', metadata => {}, %member
			}
		],
		(defined $content ? (files => { $path => { base64 => encode_base64($content, '') } }) : ()));
	return $id;
}

# ---- one talk in three forms

foreach my $mode (qw(json srt txt))
{
	my @seen = $api->during(
		sub {
			my $count = $db->value("SELECT count(*) FROM hms_transcript('$asset{\"${mode}transcript\"}{id}')");
			cmp_ok($count, '>', 50, "$mode: a row a sentence");
		});
	my @storage = grep { $_->{storage} } @seen;
	is(scalar @seen,    3, "$mode: two requests of the API and one of the storage");
	is(scalar @storage, 1, "$mode: the file is fetched once");
	ok(!exists $storage[0]{headers}{authorization}, "$mode: without a token");
	ok(!exists $storage[0]{headers}{cookie},        "$mode: without a cookie");
	is(scalar(grep { $_->{headers}{authorization} } @seen), 2, "$mode: the API gets its token");
}

sub said
{
	my ($mode, $columns) = @_;
	return $db->value("SELECT $columns FROM hms_transcript('$asset{\"${mode}transcript\"}{id}') ORDER BY position");
}
my $who = 'position, name, sentence';
is(said('srt', $who), said('json', $who), 'srt and json agree on who said what');
is(said('txt', $who), said('json', $who), 'txt and json agree on who said what');
is(said('srt', 'starts, ends'), said('json', 'starts, ends'), 'srt and json agree on when');
is($db->value("SELECT bool_and(starts < ends AND starts >= '0' AND peer_id <> '') FROM hms_transcript('$asset{jsontranscript}{id}')"),
	't', 'a json has times and peers');
is($db->value("SELECT bool_and(starts IS NULL AND ends IS NULL AND peer_id IS NULL) FROM hms_transcript('$asset{txttranscript}{id}')"),
	't', 'a txt has neither');
is( $db->value(qq{SELECT starts FROM hms_transcript('} . craft('transcript', '{"sentences":[{"sentence":"a","start_time":"1010"}]}') . q{')}),
	'00:00:01.01', 'times are milliseconds');

# ---- of a session

{
	my $rows = $db->rows("SELECT * FROM hms_session_transcript('$session') ORDER BY position");
	my $best = $db->rows("SELECT * FROM hms_transcript('$asset{jsontranscript}{id}') ORDER BY position");
	is(scalar @$rows, scalar @$best, 'of a session: the best of the three forms');
	is_deeply([ map { [ @{$_}{qw(position name peer_id sentence starts ends)} ] } @$rows ],
		[ map { [ @{$_}{qw(position name peer_id sentence starts ends)} ] } @$best ], 'with the same rows');
	my ($talk) = grep { $_->{id} eq $session } @{ $world->{sessions} };
	is_deeply([ map { $_->{user_id} // '' } @$rows ], [ map { $talk->{peers}{ $_->{peer_id} }{user_id} } @$rows ],
		'each sentence has its user');
	is( $db->value("SELECT bool_and(starts_at = '$recording->{started_at}'::timestamptz + starts) FROM hms_session_transcript('$session')"),
		't', 'and the time of day');
	my @seen = $api->during(sub { $db->value("SELECT count(*) FROM hms_session_transcript('$session')") });
	is(scalar @seen, 5, 'assets, recordings, session, link, file');

	is($db->value("SELECT count(*) FROM hms_session_chat('$session')"),
		$db->value("SELECT count(*) FROM hms_chat('$asset{chat}{id}')"), 'the chat of a session');
	is($db->value("SELECT count(*) FROM hms_session_summary('$session')"), 3, 'the summary of a session');
	@seen = $api->during(sub { is($db->value("SELECT count(*) FROM hms_session_transcript('nosuch')"), 0, 'no such session: no row') });
	is(scalar @seen, 1, 'and one request');
}

# two recordings, of which the older has only a txt, and a failed json
{
	my %of = (session_id => $session, room_id => $asset{chat}{room_id});
	my $txt = craft('transcript', "Ann B: Early bird.\n", %of, job_id => 'older', metadata => { output_mode => 'txt' }, created_at => '2020-01-01T00:00:00Z');
	craft('transcript', undef, %of, job_id => 'older', metadata => { output_mode => 'json' }, status => 'failed');
	my $rows = $db->rows("SELECT * FROM hms_session_transcript('$session') ORDER BY position LIMIT 2");
	is($rows->[0]{sentence}, 'Early bird.', 'the oldest recording comes first, in the form that there is');
	is($rows->[0]{starts_at}, undef, 'whose start nobody knows');
	is($rows->[1]{position}, 2, 'positions go on');
	cmp_ok($rows->[1]{sentence}, 'ne', '', 'with the next recording');
	$api->reset;
}

# by name, where a file has no peer ids
{
	my $peer = sub { my ($id, $name, $user) = @_; return ($id => { id => $id, name => $name, user_id => $user, role => 'student', joined_at => '2026-01-01T00:00:00Z' }) };
	$api->add(sessions => [ { id => 'named', room_id => 'room-named', active => false, created_at => '2026-01-01T00:00:00Z', updated_at => '2026-01-01T01:00:00Z',
		peers => { $peer->(p1 => 'Ann', 'u-1'), $peer->(p2 => 'Ann', 'u-1'), $peer->(p3 => 'Bo', 'u-2'), $peer->(p4 => 'Bo', 'u-3'), $peer->(p5 => 'Cy', '') } } ]);
	craft('transcript', "Ann: one\n\nBo: two\n\nCy: three\n\nDi: four\n", session_id => 'named');
	is($db->value("SELECT string_agg(coalesce(user_id, '-'), ' ' ORDER BY position) FROM hms_session_transcript('named')"),
		'u-1 - - -', 'a name is a user where it is one only');
}

# ---- chat: RFC 4180

my $header = "SenderPeerID,SenderName,SenderUserID,Roles,SentAt,Type,Message";
sub chat { my ($content, $columns) = @_; my $id = craft('chat', $content); return $db->value("SELECT $columns FROM hms_chat('$id') ORDER BY position") }
my $quoted = qq{p1,"Ek, Anna",u-1,[],2026-01-31T09:00:00.5Z,chat,"She said ""three"",\nthen left"};
is(chat("$header\n$quoted\n", "format('%s|%s|%s', name, message, sent_at AT TIME ZONE 'UTC')"),
	qq{Ek, Anna|She said "three",\nthen left|2026-01-31 09:00:00.5}, 'quotes, commas and line breaks');
is(chat("\xEF\xBB\xBF$header\r\n$quoted\r\np2,,,,,chat,\"\"\r\n", "format('%s %s|%s|%s', position, peer_id, name, message)"),
	qq{1 p1|Ek, Anna|She said "three",\nthen left\n2 p2||}, 'a byte-order mark and CRLF');
is(chat("$header\np1,a,u,[],,chat,\"one\r\ntwo\"", 'length(message)'), '8', 'CRLF within quotes stays; the last line needs no end');
is(chat("$header\np1,a,u,[],when,chat,5\" and \"so\"\n", "format('%s|%s', message, sent_at)"), '5" and "so"|', 'a quote inside a field; a time that is none');
is(chat("Message,Extra,SentAt,Type,Roles,SenderUserID,SenderName,SenderPeerID\nhi,x,,chat,[],u,n,p\n", "format('%s %s %s %s', peer_id, name, user_id, message)"), 'p n u hi', 'columns are found by their names');
is(chat("$header\np,n,u,\"[\"\"a b\"\",\"\"c\"\"]\",,chat,m\np,n,u,[],,chat,m\np,n,u,[a b],,chat,m\np,n,u,\"[a b, c]\",,chat,m\n", 'roles'),
	qq{{"a b",c}\n{}\n{a,b}\n{"a b",c}}, 'roles in each way that a list is written');
is(chat("$header\n", '1'), '', 'no messages');

# ---- what summaries and transcripts may look like

is($db->value("SELECT string_agg(format('%s %s %s %s', position, title, bullets, paragraph), ';' ORDER BY position) FROM hms_summary('" .
	craft('summary', '{"summary":{"sections":[{"title":"A","format":"bullets","bullets":["x","y, z"],"paragraph":""},{"title":"B","format":"paragraph","bullets":null,"paragraph":"p","new":[1]}],"by":"us"}}') . "')"),
	'1 A {x,"y, z"} ;2 B  p', 'a summary');
foreach my $case (
	[ 'srt with CRLF, a mark and no last line end', "\xEF\xBB\xBF1\r\n00:00:01,010 --> 00:00:02,500\r\nAnn: one\r\ntwo\r\n\r\n2\r\n01:00:00.000 --> 01:00:01.000 X1:0\r\nBo: and: so", '1 Ann one two 00:00:01.01 00:00:02.5;2 Bo and: so 01:00:00 01:00:01' ],
	[ 'srt without a name',  "1\n00:00:01,010 --> 00:00:02,500\nno name here\n", '1 - no name here 00:00:01.01 00:00:02.5' ],
	[ 'txt',                 "Ann: one\ntwo\n\n\n \nBo: 10:30 it is\n", '1 Ann one two - -;2 Bo 10:30 it is - -' ],
	[ 'json as Go writes it', '{"words":null,"sentences":[{"sentence":"A \u0026 B","name":"Ann","peer_id":null,"start_time":1010,"end_time":"soon"}]}', '1 Ann A & B 00:00:01.01 -' ],
	[ 'json of nothing said', '{"words":[],"sentences":null}', '' ],
	[ 'nothing at all',       '', '' ])
{
	my ($name, $content, $want) = @$case;
	my $id = craft('transcript', $content);
	is($db->value("SELECT string_agg(format('%s %s %s %s %s', position, coalesce(name, '-'), sentence, coalesce(starts::text, '-'), coalesce(ends::text, '-')), ';' ORDER BY position) FROM hms_transcript('$id')"),
		$want, "$name: known by its content");
}

# ---- what is refused

my $json = $asset{jsontranscript}{id};
my $file = 'standin-recordings';

sub refused
{
	my ($name, $sql, $state, $message, %more) = @_;
	my @seen;
	my $error;
	@seen = $api->during(sub { $error = $db->error($sql) });
	is($error->{state}, $state, "$name: $state") or diag $error->{text};
	like($error->{message}, $message, "$name: it says so");
	like($error->{ $_ }, $more{$_}, "$name: its $_") foreach grep { $_ ne 'storage' } keys %more;
	my @storage = grep { $_->{storage} } @seen;
	is(scalar @storage, $more{storage}, "$name: requests of the storage") if exists $more{storage};
	is(scalar(grep { $_->{headers}{authorization} } @storage), 0, "$name: no token is sent there");
	unlike($error->{text}, qr/X-Signature|eyJ/, "$name: nothing secret is said");
	$api->faults;
	return;
}
my $read = "SELECT count(*) FROM hms_transcript('$json')";
$db->append_conf('postgresql.conf', 'hms.retries = 1');
$db->reload;

{
	my ($row) = @{ $db->rows("SELECT url FROM hms_presigned_url('$json', '1 second')") };
	sleep 2;
	$api->faults({ path => 'presigned-url', raw_body => encode({ id => $json, url => $row->{url} }) });
	refused('an expired link', $read, 'MS403', qr/could not fetch transcript/, hint => qr/expired/, storage => 1);
}
$api->faults({ path => $file, status => 403 });
refused('a 403', $read, 'MS403', qr/could not fetch transcript/, storage => 1);
$api->faults({ path => $file, redirect => "$api->{url}/rooms" });
refused('a redirect', $read, 'MS302', qr/could not fetch transcript/, hint => qr/redirect/, storage => 1);
$api->faults({ path => $file, truncate => 100, times => 0 });
refused('a file cut short', $read, '08006', qr/could not fetch transcript/, storage => 2);
$api->faults({ path => $file, status => 503, times => 0, headers => { 'Retry-After' => '0' } });
refused('a 503', $read, 'MS503', qr/could not fetch transcript/, storage => 2);
foreach my $url ('http://files.example/x', 'ftp://files.example/x', 'file:///etc/passwd', 'https://user:pw@files.example/x', 'no url', "http://127.0.0.1\@files.example/x")
{
	$api->faults({ path => 'presigned-url', raw_body => encode({ id => $json, url => $url }) });
	refused($url, $read, '08P01', qr/link can't be followed/, storage => 0);
}
$api->faults({ path => 'presigned-url', raw_body => '{"id": "x"}' });
refused('no link', $read, '08P01', qr/gave no link/, storage => 0);
refused('no such file', "SELECT hms_transcript('" . craft('transcript', undef) . "')", 'MS404', qr/could not fetch transcript/);

my %film = (json => "\0\1\2film" x 10, srt => "\x89PNG\r\n\x1a\n", txt => "caf\xe9: au lait\n");
foreach my $mode (sort keys %film)
{
	my $id = craft('transcript', $film{$mode}, metadata => { output_mode => $mode });
	refused("$mode: a file that is no text", "SELECT hms_transcript('$id')", '08P01', qr/could not read transcript/, detail => qr/no text/);
}
foreach my $case (
	[ transcript => json => '{"words": []}' ],
	[ transcript => json => '{"sentences": [{"sentence": "a"}, 7]}' ],
	[ transcript => json => '{"sentences": [{"sentence": "a"}]' ],
	[ transcript => json => '[]' ],
	[ transcript => json => '' ],
	[ transcript => srt  => "Ann: one\n" ],
	[ summary    => json => '{"summary": {}}' ],
	[ summary    => json => '<html>' ],
	[ chat       => ''   => '' ],
	[ chat       => ''   => "a,b,c\n1,2,3\n" ],
	[ chat       => ''   => "$header\np,n,u,[],,chat\n" ],
	[ chat       => ''   => "$header\np,n,u,[],,chat,m,more\n" ],
	[ chat       => ''   => "$header\np,n,u,[],,chat,\"never ends\n" ],
	[ chat       => ''   => "$header\np,n,u,[],,chat,\"ends\" early\n" ])
{
	my ($type, $mode, $content) = @$case;
	my $id = craft($type, $content, metadata => { output_mode => $mode });
	refused("$type " . ($content =~ s/\n/\\n/gr), "SELECT hms_$type('$id')", '08P01', qr/could not read $type/, detail => qr/crafted/);
}

refused('an asset of another type', "SELECT hms_transcript('$asset{chat}{id}')", '22023', qr/not one/, detail => qr/"chat", not "transcript"/, storage => 0);
refused('a failed asset', "SELECT hms_chat('" . craft('chat', '', status => 'failed') . "')", '22023', qr/no file/, detail => qr/"failed"/, storage => 0);
refused('an asset that is not ready', "SELECT hms_summary('" . craft('summary', '', status => 'processing') . "')", '22023', qr/no file/, detail => qr/"processing"/, storage => 0);
refused('no id', "SELECT hms_chat('')", '22023', qr/must not be empty/, storage => 0);
refused('no session', "SELECT hms_session_chat('')", '22023', qr/must not be empty/, storage => 0);
foreach my $name (qw(hms_transcript hms_summary hms_chat hms_session_transcript hms_session_summary hms_session_chat))
{
	my @seen = $api->during(sub { is($db->value("SELECT count(*) FROM $name(NULL)"), 0, "$name(NULL): no row") });
	is(scalar @seen, 0, "$name(NULL): no request");
	next if $name =~ /session/;
	@seen = $api->during(sub { is($db->value("SELECT count(*) FROM $name('nosuch')"), 0, "$name: no such asset, no row") });
	is(scalar @seen, 1, "$name: one request for it");
}

# ---- a large file

{
	my $large = craft('transcript', '{"words":[' . join(',', map { qq({"word":"word$_","start_time":"$_"}) } 1 .. 100_000) . '],"sentences":['
		  . join(',', map { sprintf '{"sentence":"This is sentence number %d of a very long talk that nobody has followed to its end.","name":"Speaker %d","peer_id":"%s","start_time":"%d","end_time":"%d"}', $_, $_ % 7, 'p' x 36, $_ * 100, $_ * 100 + 90 } 1 .. 80_000)
		  . ']}');
	my $size = length $api->{http}->get($db->value("SELECT url FROM hms_presigned_url('$large')"))->{content};
	cmp_ok($size, '>', 20_000_000, 'a file of 20 MB');
	my $one = $db->session;
	$one->value("SET work_mem = '1MB'");
	$one->value("SELECT count(*) FROM hms_transcript('$json')");
	my $before = $one->memory('VmHWM');
	is($one->value("SELECT count(*) || ' ' || max(ends) FROM hms_transcript('$large')"), '80000 02:13:20.09', 'is read');
	my $used = $one->memory('VmHWM') - $before;
	# the buffer of the body grows by doubling: 32 MB, and 16 MB of the one before
	cmp_ok($used, '<', 64_000, "in bounded memory: $used kB");
	my $rest = $one->memory('RssAnon');
	$one->value("SELECT count(*) FROM hms_transcript('$large')") foreach 1 .. 2;
	cmp_ok($one->memory('RssAnon') - $rest, '<', 4000, 'which is given back');
	is($one->value("SELECT count(*) FROM (SELECT FROM hms_transcript('$large') LIMIT 5) AS t"), 5, 'the first rows of it');
	$one->quit;

	$db->append_conf('postgresql.conf', "hms.max_response_size = '1MB'");
	$db->reload;
	refused('a file over the limit', "SELECT count(*) FROM hms_transcript('$large')", '08P01', qr/too large/, hint => qr/max_response_size/);
	$db->append_conf('postgresql.conf', "hms.max_response_size = '64MB'");
	$db->reload;
}

# ---- who may

$db->value('CREATE ROLE nobody_special LOGIN; CREATE ROLE reader LOGIN');
$db->value("SELECT hms_grant('reader', 'read')");
foreach my $sql ("SELECT count(*) FROM hms_transcript('$json')",
	"SELECT count(*) FROM hms_internal.asset_texts('hms_transcript', '$json') AS t(a int, b text, c text, d text, e interval, f interval)")
{
	my @seen = $api->during(sub { is($db->error("SET ROLE nobody_special; $sql")->{state}, '42501', 'who was granted nothing reads nothing') });
	is(scalar @seen, 0, 'and asks nothing');
	cmp_ok($db->value("SET ROLE reader; $sql"), '>', 50, 'level read reads');
}
is($db->error("SELECT * FROM hms_internal.asset_texts('hms_transcript', '$json') AS t(a int)")->{state}, '42804', 'other columns are refused');
is($db->error("SELECT * FROM hms_internal.asset_texts('hms_rooms', '$json') AS t(a int)")->{state}, '22023', 'other endpoints too');

done_testing();
