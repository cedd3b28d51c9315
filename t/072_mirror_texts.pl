# What a mirror holds on request: what was said, written and summed up, and how the connections were.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, jit => 'off');
$db->value("CREATE SCHEMA video; SELECT hms_create_mirror('video')");
my $sync = sub { my ($more) = @_; my (undef, undef, $err) = $db->run("CALL hms_sync('video'" . ($more // '') . ')'); unlike($err, qr/ERROR|WARNING/, 'a sync' . ($more // '')); return };

$sync->();
is($db->value('SELECT (SELECT count(*) FROM video.transcripts) + (SELECT count(*) FROM video.peer_quality)'), 0, 'neither comes without being asked for');
$sync->(', texts => true');
is($db->value(q{SELECT count(*) FROM video.recording_assets AS a WHERE type = 'transcript' AND metadata ->> 'output_mode' = 'json' AND (SELECT count(*) FROM video.transcripts AS t WHERE t.asset_id = a.id) IS DISTINCT FROM (SELECT count(*) FROM hms_transcript(a.id))}), 0, 'each sentence is there, of the best transcript');
is($db->value(q{SELECT count(*) FROM video.transcripts AS t JOIN video.recording_assets AS a ON a.id = t.asset_id WHERE a.metadata ->> 'output_mode' <> 'json'}), 0, 'and once');
is($db->value(q{SELECT count(*) > 50 AND bool_and(t.starts_at = r.started_at + t.starts) AND bool_and(t.user_id IS NOT DISTINCT FROM (SELECT p.user_id FROM video.session_peers AS p WHERE p.id = t.peer_id AND p.session_id = t.session_id))
	FROM video.transcripts AS t JOIN video.recording_assets AS a ON a.id = t.asset_id JOIN video.recordings AS r ON r.id = a.job_id}), 't', 'with its time of day and its user');
is($db->value(q{SELECT count(*) FROM video.recording_assets AS a WHERE type = 'chat' AND status = 'completed' AND (SELECT count(*) FROM video.chat_messages AS t WHERE t.asset_id = a.id) IS DISTINCT FROM (SELECT count(*) FROM hms_chat(a.id))}), 0, 'each message of a chat');
is($db->value(q{SELECT count(*) FROM video.recording_assets AS a WHERE type = 'summary' AND status = 'completed' AND (SELECT count(*) FROM video.summaries AS t WHERE t.asset_id = a.id) IS DISTINCT FROM (SELECT count(*) FROM hms_summary(a.id))}), 0, 'each section of a summary');
my $word = $db->value(q{SELECT (regexp_match(sentence, '\m([a-z]{5,})\M'))[1] FROM video.transcripts WHERE sentence ~ '\m[a-z]{5,}\M' LIMIT 1});
my $find = "SELECT count(*) FROM video.transcripts WHERE to_tsvector('simple', sentence) @@ plainto_tsquery('simple', '$word')";
is($db->value($find), $db->value("SELECT count(*) FROM video.transcripts WHERE sentence ~* '\\m$word\\M'"), 'sentences are found by a word');
like($db->value("SET enable_seqscan = off; EXPLAIN $find"), qr/transcripts_words/, 'by an index');
is(scalar(grep { $_->{path} =~ /presigned/ } $api->during(sub { $sync->(', texts => true') })), 0, 'what is here is not fetched again');

$api->faults({ path => '/peer-stats', status => 400, times => 1 });
my (undef, undef, $err) = $db->run("CALL hms_sync('video', quality => true)");
like($err, qr/WARNING:.*passed over, not asked for again until it changes: quality /, 'a session whose quality is refused is named');
unlike($err, qr/ERROR/, 'and the others are asked for');
$api->faults;
cmp_ok($db->value('SELECT count(*) FROM video.peer_quality'), '>', 100, 'a row a peer and direction');
is($db->value(q{SELECT count(*) FROM (SELECT session_id FROM video.peer_quality ORDER BY session_id LIMIT 1) AS s, LATERAL (SELECT peer_id, direction, samples, rtt_p95 FROM hms_quality(s.session_id) EXCEPT SELECT peer_id, direction, samples, rtt_p95 FROM video.peer_quality WHERE session_id = s.session_id) AS x}), 0, 'as hms_quality returns it');
is(scalar(grep { $_->{path} =~ /peer-stats/ } $api->during(sub { $sync->(', quality => true') })), 0, 'what is here is not asked for again');

done_testing();
