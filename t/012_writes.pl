# What the functions of the whole API do with the state at 100ms, and what they refuse to send: bounds, what would be
# overwritten, secrets, Beam's errors, tokens for tones.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api,
	'hms.beam_url'   => "$api->{origin}/api/v2",
	'hms.policy_url' => "$api->{origin}/policy/v1",
	timezone         => 'UTC');
my $session = $db->session;
my $world   = $api->world;
my ($live)  = map { $_->{room_id} } grep { $_->{active} } @{ $world->{sessions} };
my @idle    = map { $_->{id} } grep { $_->{enabled} && $_->{name} !~ /[.:]/ && $_->{name} ne 'open-day' } @{ $world->{rooms} };
my $room    = (grep { my $id = $_; !grep { $_->{room_id} eq $id && $_->{status} eq 'running' } map { @{ $world->{$_} } } qw(recordings live_streams) } @idle)[0];
my $meeting = 'https://example.com/join';

# A refusal with this SQLSTATE, before anything is sent.
sub refused
{
	my ($state, $call, $pattern) = @_;
	my $error;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @seen = $api->during(sub { $error = $session->error("SELECT * FROM $call") });
	is_deeply([$error->{state}, scalar @seen], [$state, 0], "refused: $call") or diag $error->{text};
	like($error->{message}, $pattern, "and says why: $call") if $pattern;
	return $error;
}

# The rows of a query.
sub rows
{
	my ($query) = @_;
	return decode($session->value("SELECT coalesce(json_agg(q), '[]') FROM ($query) AS q"));
}

# The one row of a function.
sub row { my ($call) = @_; return rows("SELECT * FROM $call")->[0] }


# Bounds. What is at a bound is sent: 011 does that.

foreach my $start (qw(hms_start_recording hms_start_external_stream))
{
	foreach my $bad ('{"width": 499, "height": 720}', '{"width": 1280, "height": 479}', '{"width": 1921, "height": 1080}',
		'{"width": 1080, "height": 1921}', '{"width": 1081, "height": 1081}', '{"width": 499, "height": 1080}',
		'{"width": 1280}', '{"height": 720}', '{"width": "1280", "height": 720}', '{}', '"720p"')
	{
		refused('22023', qq[$start('r', '{"rtmp_urls": ["rtmp://h/k"], "resolution": $bad}')], qr/"resolution" of argument "options"/);
	}
}
my $six = join ', ', ('"rtmp://h/k"') x 6;
refused('22023', qq[hms_start_external_stream('r', '{"rtmp_urls": $_}')], qr/"rtmp_urls"/)
  foreach '[]', "[$six]", '["http://h/k"]', '["rtmp://h/k", "rtmp://"]', '["rtmp://h/k", 1]', '"rtmp://h/k"';
refused('22023', "hms_start_external_stream('r', '{}')",  qr/lacks "rtmp_urls"/);
refused('22004', "hms_start_external_stream('r', NULL)");
refused('22023', "hms_start_external_stream('r', '[]')");
foreach my $start (qw(hms_start_recording hms_start_live_stream))
{
	refused('22023', qq[$start('r', '{"transcription": {"summary": $_}}')], qr/"transcription.summary/)
	  foreach '{"temperature": 0.09}', '{"temperature": 1.01}', '{"temperature": "hot"}',
	  '{"context": "' . 'c' x 301 . '"}', '{"sections": [{"format": "bullets"}]}', '{"sections": [{"title": "t"}]}',
	  '{"sections": [{"title": "' . 't' x 101 . '", "format": "bullets"}]}',
	  '{"sections": [' . join(', ', ('{"title": "t", "format": "bullets"}') x 7) . ']}';
}

refused('22023', "hms_send_timed_metadata('i', repeat(U&'\\00e9', 101), 5)", qr/"payload" must have from 1 to 100 characters/);
refused('22023', "hms_send_timed_metadata('i', '', 5)");
refused('22023', "hms_send_timed_metadata('i', 'p', 0)",  qr/"duration" must be a number at least 1/);
refused('22023', "hms_send_timed_metadata('i', 'p', -1)");
refused('22004', "hms_send_timed_metadata('i', NULL, 5)");
refused('22004', "hms_send_timed_metadata('i', 'p', NULL)");

refused('22023', "hms_presigned_url('i', '$_')") foreach '0', '-1 hour', '0.9 s';
refused('22004', "hms_presigned_url('i', NULL)");

# A replay needs its window, and does not grow by what is empty.
my $window = "now() - interval '1 day', now()";
refused('22004', "hms_replay_webhook_events($_)") foreach 'NULL, now()', 'now(), NULL', 'NULL, NULL';
refused('22023', "hms_replay_webhook_events($window, $_)")
  foreach "room_id => ''", "event_names => '{}'", q["limit" => 0], q["limit" => 50001], q["offset" => -1], "status => ''";
refused('22023', "hms_replay_webhook_events('infinity', now())");

# Rooms, ids and roles that are missing or empty would be another endpoint, or everything.
refused('22004', "$_(NULL)"), refused('22023', "$_('')")
  foreach qw(hms_stop_recordings hms_stop_live_streams hms_stop_external_streams hms_pause_recording hms_create_stream_key
  hms_legacy_disable_room hms_stop_beam);

# In a read NULL is no id: it finds nothing, and asks for nothing.
foreach my $read (qw(hms_live_stream hms_recording hms_recording_asset hms_external_stream hms_stream_key hms_poll hms_template
	hms_webhook_replay hms_template_settings))
{
	refused('', "$read(NULL)");
	is($session->value("SELECT count(*) FROM $read(NULL) WHERE $read IS NOT NULL"), 0, "and finds nothing: $read");
	refused('22023', "$read('')");
}
refused('22004', "hms_delete_poll_question('p', NULL)");
refused('22004', "hms_delete_poll_option('p', 1, NULL)");
refused('22004', "hms_delete_role('t', NULL)");
refused('22023', "hms_delete_role('t', '..')");
refused('22004', "hms_legacy_update_template('{\"roles\": {}, \"settings\": {}}')");
refused('22023', "hms_recordings(status => '')");
refused('22023', "hms_webhook_events(event_names => '{}')");

# Templates.
foreach my $bad (
	'"publishParams": {"audio": {"bitRate": 15}}', '"publishParams": {"audio": {"bitRate": 129}}',
	'"publishParams": {"video": {"width": 49}}',   '"publishParams": {"video": {"frameRate": 31}}',
	'"publishParams": {"video": {"height": 1081}}', '"publishParams": {"video": {"bitRate": 2001}}',
	'"publishParams": {"screen": {"bitRate": 499}}', '"publishParams": {"screen": {"width": 479}}',
	'"publishParams": {"screen": {"height": 269}}',  '"publishParams": {"screen": {"frameRate": 0}}',
	'"publishParams": {"simulcast": {"video": {"layers": [{"rid": "f", "scaleResolutionDownBy": 1}]}}}',
	'"publishParams": {"simulcast": {"video": {"layers": [{"rid": "f", "scaleResolutionDownBy": 13, "maxFramerate": 1}]}}}',
	'"subscribeParams": {"subscribeDegradation": {"packetLossThreshold": 101}}',
	'"subscribeParams": {"subscribeDegradation": {"degradeGracePeriodSeconds": 0}}',
	'"subscribeParams": {"subscribeDegradation": {"recoverGracePeriodSeconds": 11}}',
	'"maxPeerCount": -2', '"priority": 0', '"priority": "high"')
{
	refused('22023', "hms_create_role('t', 'r', '{$bad}', true)");
	refused('22023', qq[hms_create_template('{"roles": {"some role": {$bad}}}', true)], qr/"roles\.some role\./);
}
refused('22023', q[hms_create_role('t', 'r', '{"priority": 6}', true)],         qr/from 1 to 5/);
refused('22023', q[hms_legacy_create_role('t', 'r', '{"priority": 11}', true)], qr/from 1 to 10/);
refused('22023', "hms_update_template('t', '$_')", qr/lacks/) foreach '{}', '{"roles": {}}', '{"settings": {}}';
refused('22023', qq[hms_update_template_settings('t', '{$_}')])
  foreach '"roomState": {"messageInterval": 4}', '"recording": {"upload": {"type": "s3"}}',
  '"recording": {"upload": {"type": "s3", "location": "b", "credentials": {"key": "k"}}}';
refused('22023', qq[hms_update_template_destinations('t', '{$_}')])
  foreach '"rtmpDestinations": {"a": {}}', '"rtmpDestinations": {"a": {"name": "a", "rtmpUrls": ["1", "2", "3", "4"]}}',
  '"hlsDestinations": {"a": {"name": "a", "numPlaylistSegments": 2}}', '"hlsDestinations": {"a": {}}', '"transcriptions": {"a": {"name": "a"}}',
  '"transcriptions": {"a": {"role": "a"}}', '"browserRecordings": {"a": {"name": "a"}}', '"browserRecordings": {"a": {"role": "a"}}';
refused('22023', "hms_update_template_recordings('t', '$_')")
  foreach '{}', '"x"', '[]', '[{"name": "n", "role": "r"}, {"name": "m", "role": "r"}]', '[{"name": "n"}]', '[{"role": "r"}]';
refused('22004', "hms_update_template_recordings('t', NULL)");

# SIP.
refused('22023', qq[hms_start_sip_outbound_call('1', 'c', 't', headers => '$_')], qr/SIP headers/)
  foreach '{"X\r\nTo": "a"}', '{"": "a"}', '{"a b": "c"}', '{"X-a": "b\r\nTo: c"}', '{"X-a": "b\nc"}', '{"X-a": "b\rc"}', '{"X-a": 1}', '["X-a"]';
refused('22004', "hms_start_sip_outbound_call(NULL, 'c', 't')");
refused('22004', "hms_create_sip_outbound_trunk('u', NULL, 'a', 'f')");
refused('22023', "hms_update_sip_outbound_trunk('t', password => '')");
refused('22023', "hms_send_dtmf('r', 'host', '$_')", qr/digits/) foreach '{}', '{e}', '{12}', '{1,""}';
refused('22004', "hms_send_dtmf('r', 'host', NULL)");
refused('22004', "hms_send_dtmf(NULL, 'host', '{1}')");
refused('22023', "hms_send_dtmf('r', '', '{1}')");

# Beam.
refused('22023', "hms_start_beam('r', '$meeting', $_)")
  foreach "rtmp_urls => NULL", "rtmp_urls => '{}'", 'record => false', "rtmp_urls => '{}', record => false",
  "rtmp_urls => '{rtmp://a/b,rtmp://a/b,rtmp://a/b,rtmp://a/b}'", "rtmp_urls => '{https://a/b}'",
  (map { "record => true, $_" } 'width => 1280', 'height => 720', 'width => 499, height => 720', 'width => 1280, height => 479',
	'width => 1921, height => 1080', 'width => 1080, height => 1921', 'width => 1081, height => 1081');
refused('22023', "hms_start_beam('r', '$_', record => true)") foreach '', 'example.com/join', 'ftp://example.com', 'https://';
refused('22004', "hms_start_beam('r', NULL, record => true)");
refused('22004', "hms_start_beam(NULL, '$meeting', record => true)");

# Nothing is written in a read-only transaction, and nothing asked for first.
foreach my $write ("hms_start_recording('r')", "hms_stop_recordings('r')", "hms_delete_role('t', 'r')", "hms_create_template('{\"name\": \"school\"}')",
	"hms_send_dtmf('r', 'host', '{1}')", "hms_stop_beam('r')", "hms_replay_webhook_events($window)")
{
	my $error;
	my @seen = $api->during(sub { $error = $session->error("BEGIN READ ONLY; SELECT * FROM $write; ROLLBACK") });
	$session->ask('ROLLBACK');
	is_deeply([$error->{state}, scalar @seen], ['25006', 0], "not in a read-only transaction: $write") or diag $error->{text};
}


# A recording: starting, running, stopping, post_processing, completed, and what it leaves.

my $recording = row(qq[hms_start_recording('$room', '{"meeting_url": "$meeting", "transcription": {"enabled": true, "output_modes": ["txt"]}}')]);
is_deeply([@$recording{qw(status room_id meeting_url started_at)}], ['starting', $room, $meeting, undef], 'a recording starts');
is(row("hms_recording('$recording->{id}')")->{status}, 'running', 'and runs');
is($session->error(qq[SELECT hms_start_recording('$room', '{"meeting_url": "$meeting"}')])->{state}, 'MS400', 'a second one is refused by the API');
is(row("hms_pause_recording('$room')")->{status}, 'running', 'it is paused');
is(row("hms_resume_recording('$room')")->{id}, $recording->{id}, 'and goes on');
is_deeply([map { $_->{id} } @{ rows("SELECT * FROM hms_recordings('$room', status => 'running')") }], [$recording->{id}], 'it is in the list');
is(row("hms_stop_recording('$recording->{id}')")->{status}, 'stopping', 'it stops');
is($session->error("SELECT hms_stop_recording('$recording->{id}')")->{state}, 'MS404', 'and stops only once');
is(row("hms_recording('$recording->{id}')")->{status}, 'completed', 'it is completed');
$recording = row("hms_recording('$recording->{id}')");
my $assets = rows("SELECT * FROM hms_recording_assets('$room') WHERE job_id = '$recording->{id}'");
is_deeply([sort map { $_->{type} } @$assets], [qw(chat room-composite transcript)], 'its files are listed');
is_deeply([sort map { $_->{id} } @{ $recording->{recording_assets} }], [sort map { $_->{id} } @$assets], 'they are those of the recording');
is_deeply(row("hms_recording_asset('$assets->[0]{id}')"), $assets->[0], 'a file by its id');
my $link = row("hms_presigned_url('$assets->[0]{id}', '90 s')");
is_deeply([@$link{qw(id path expiry)}], [@{ $assets->[0] }{qw(id path)}, 90], 'a link to it');
like($link->{url}, qr{^http://127\.0\.0\.1:\d+/}, 'which is a URL, of the storage');
$recording = row(qq[hms_start_recording('$room', '{"meeting_url": "$meeting"}')]);
is_deeply([map { [$_->{id}, $_->{status}] } @{ rows("SELECT * FROM hms_stop_recordings('$room')") }], [[$recording->{id}, 'stopping']], 'all of a room stop');
is($session->error("SELECT * FROM hms_stop_recordings('$room')")->{state}, 'MS404', 'or there is none to stop');

# Streams.
my $stream = row(qq[hms_start_external_stream('$room', '{"meeting_url": "$meeting", "rtmp_urls": ["rtmp://h/k", "rtmps://h/l"], "recording": true}')]);
is_deeply([@$stream{qw(status rtmp_urls recording resolution)}],
	['starting', ['rtmp://h/k', 'rtmps://h/l'], true, { width => 1280, height => 720 }], 'an external stream starts');
row("hms_external_stream('$stream->{id}')");
is(row("hms_stop_external_stream('$stream->{id}')")->{status}, 'stopping', 'and stops');
my ($hls) = map { row("hms_start_live_stream('$_', '{\"meeting_url\": \"$meeting\"}')") } $room;
like($hls->{playback}{url}, qr/m3u8$/, 'a live stream starts');
row("hms_live_stream('$hls->{id}')");
my $text = row("hms_send_timed_metadata('$hls->{id}', 'caption', 7)");
is($text->{id}, $hls->{id}, 'timed metadata returns the stream');
is_deeply([map { [@$_{qw(stream_id payload duration)}] } @{ $api->world->{timed_metadata} }], [[$hls->{id}, 'caption', 7]], 'and was sent');
is(row("hms_pause_live_stream_recording('$hls->{id}')")->{status}, 'running', 'its recording is paused');
is(row("hms_resume_live_stream_recording('$hls->{id}')")->{id}, $hls->{id}, 'and goes on');
$api->faults({ path => '/stop$', raw_body => '{"data": [{"id": "a"}], "limit": 1, "last": "a", "error": "one stream is stuck"}' });
my ($out, $err) = $session->ask("SELECT id FROM hms_stop_live_streams('$room')");
is($out, 'a', 'what was stopped is returned');
like($err, qr/WARNING:.*could not stop live streams of room completely: one stream is stuck/, 'what was not is told');
is_deeply([map { $_->{id} } @{ rows("SELECT * FROM hms_stop_live_streams('$room')") }], [$hls->{id}], 'live streams of a room stop');

# Stream keys.
my $key = row("hms_create_stream_key('$room')");
like($key->{key}, qr/^[0-9a-f]{40}$/, 'a stream key is made');
is($session->error("SELECT hms_create_stream_key('$room')")->{state}, 'MS400', 'a room has one');
is(row("hms_stream_key('$room')")->{key}, $key->{key}, 'it is found');
is($session->value("SELECT hms_disable_stream_key('$room')"), 'key disabled successfully', 'and disabled (201)');
is_deeply(rows("SELECT * FROM hms_stream_key('$room')"), [], 'then there is none');

# Polls: a question that is removed moves the others up, so that is never repeated blindly.
my $poll = row(q[hms_create_poll('{"title": "T", "questions": [{"text": "one"}, {"text": "two", "options": [{"text": "x"}, {"text": "y"}]}, {"text": "three"}]}')]);
sub questions { return [map { $_->{text} } @{ row("hms_poll('$poll->{id}')")->{questions} }] }
$api->faults({ method => 'DELETE', status => 503 });
my @seen = $api->during(sub { is($session->error("SELECT hms_delete_poll_question('$poll->{id}', 1)")->{state}, 'MS503', 'removing a question fails') });
is(scalar @seen, 1, 'and is not repeated');
$api->faults;
is($session->value("SELECT hms_delete_poll_question('$poll->{id}', 1)"), '', 'a question is removed');
is_deeply(questions(), [qw(two three)], 'the others move up');
is(row(qq[hms_update_poll_option('$poll->{id}', 1, 2, '{"text": "z", "weight": 3}')])->{text}, 'z', 'an option is replaced');
is($session->value("SELECT hms_delete_poll_option('$poll->{id}', 1, 1)"), '', 'an option is removed');
is(row(qq[hms_update_poll_question('$poll->{id}', 2, '{"text": "3"}')])->{text}, '3', 'a question is replaced');
is_deeply(questions(), [qw(two 3)], 'the poll has it');
is(row(qq[hms_update_poll('$poll->{id}', '{"title": "U"}')])->{title}, 'U', 'the poll is replaced');
is_deeply(questions(), [], 'as a whole');
is_deeply(row("hms_link_polls('$room', ARRAY['$poll->{id}'])")->{polls}, [$poll->{id}], 'it is linked to a room');

# Templates: what is there is overwritten only when that is said.
my @names = map { $_->{name} } @{ $world->{templates} };
my $template = row(q[hms_create_template('{"name": "made here", "roles": {"a b": {"priority": 2}}}')]);
is($template->{name}, 'made here', 'a template is made');
@seen = $api->during(sub { is($session->error(q[SELECT hms_create_template('{"name": "made here"}')])->{state}, '22023', 'one of that name is refused') });
is_deeply([map { $_->{method} } @seen], ['GET'], 'and not sent');
@seen = $api->during(sub { $session->value('SELECT (t).id FROM hms_create_template() AS t') });
is_deeply([map { $_->{method} } @seen], ['POST'], 'one without a name can overwrite nothing');
is(row(q[hms_create_template('{"name": "made here", "roles": {"a b": {}, "c": {}}}', overwrite => true)])->{id}, $template->{id}, 'overwrite => true replaces it');
my $t = "'$template->{id}'";
is($session->error("SELECT hms_create_role($t, 'a b')")->{state}, '22023', 'a role of that name is refused');
is(row(qq[hms_create_role($t, 'a b', '{"priority": 4}', overwrite => true)])->{priority}, 4, 'overwrite => true replaces it');
is(row("hms_create_role($t, 'd')")->{name}, 'd', 'another one is made');
is($session->value("SELECT hms_delete_role($t, 'd')"), '', 'and removed (204)');
is($session->error("SELECT hms_delete_role($t, 'd')")->{state}, 'MS404', 'which is then not there');
is_deeply(rows("SELECT * FROM hms_role($t, 'd')"), [], 'and is no row');
is($session->error(qq[SELECT hms_update_template($t, '{"roles": {"x": {}}, "settings": {}}')])->{state}, '22023', 'a template without destinations would lose them');
is_deeply(row(qq[hms_update_template($t, '{"roles": {"x": {}}, "settings": {}, "destinations": {}}')])->{roles}{x}{name}, 'x', 'with them it is replaced');
is_deeply([keys %{ row(qq[hms_update_template($t, '{"roles": {"y": {}}, "settings": {}}', overwrite => true)])->{roles} }], ['y'], 'or when that is said');
my $upload = '{"recording": {"upload": {"type": "s3", "location": "b", "prefix": "p", "credentials": {"key": "AKIA-4711", "secretKey": "very-secret-0815"}}}}';
is(row("hms_update_template_settings($t, '$upload')")->{recording}{upload}{credentials}{key}, 'AKIA-4711', 'settings are changed');
is_deeply(row("hms_template_settings($t)"), row("hms_template($t)")->{settings} && row("hms_update_template_settings($t, '{}')"), 'and read');
is_deeply(row(qq[hms_update_template_destinations($t, '{"rtmpDestinations": {"d": {"name": "d"}}}')])->{rtmp_destinations}, { d => { name => 'd' } }, 'destinations are changed');
is_deeply(row("hms_template_destinations($t)")->{rtmp_destinations}, { d => { name => 'd' } }, 'and read');
is_deeply([@{ row(qq[hms_update_template_recordings($t, '[{"name": "n", "role": "y", "maxDuration": 60}]')]) }{qw(name role max_duration)}], ['n', 'y', 60], 'recordings are set');
is(row("hms_template_recordings($t)")->{role}, 'y', 'and read');
is_deeply([sort map { $_->{name} } grep { $_->{name} !~ /-.*-.*-/ } @{ rows('SELECT * FROM hms_templates()') }], [sort @names, 'made here'], 'templates are listed');

# The legacy API.
is($session->error(q[SELECT hms_legacy_create_template('{"name": "made here"}')])->{state}, '22023', 'legacy: a template of that name is refused');
my $legacy = row(q[hms_legacy_create_template('{"name": "old", "default": true}')]);
is_deeply([@$legacy{qw(name default)}], ['old', true], 'legacy: a template is made');
is(row(q[hms_legacy_update_template('{"roles": {"r": {"priority": 10}}, "settings": {}}', name => 'old')])->{_id}, $legacy->{_id}, 'legacy: and replaced by name');
is_deeply([map { $_->{name} } @{ rows(q[SELECT * FROM hms_legacy_templates("default" => true)]) }], ['old'], 'legacy: and listed');
is(row("hms_legacy_role('$legacy->{_id}', 'r')")->{priority}, 10, 'legacy: a role');
is($session->error("SELECT hms_legacy_create_role('$legacy->{_id}', 'r')")->{state}, '22023', 'legacy: a role of that name is refused');
is($session->value("SELECT hms_legacy_delete_role('$legacy->{_id}', 'r')"), '', 'legacy: a role is removed');
is(row("hms_legacy_update_template_settings('$legacy->{_id}', 'eu')")->{region}, 'eu', 'legacy: settings are changed');
is(row("hms_legacy_template_settings('$legacy->{_id}')")->{region}, 'eu', 'legacy: and read');
my $old = row(q[hms_legacy_create_room('{"name": "old-room"}')]);
is_deeply([$old->{active}, row("hms_legacy_disable_room('old-room')")->{active}], [true, false], 'legacy: a room is made and disabled');
is(row("hms_room('$old->{id}')")->{enabled}, false, 'legacy: it is the same room');
is_deeply(rows("SELECT id FROM hms_legacy_sessions('$room') ORDER BY id"), rows("SELECT id FROM hms_sessions('$room') ORDER BY id"), 'legacy: the same sessions');

# SIP.
my $trunk = row("hms_create_sip_outbound_trunk('u', 'trunk-password', 'sip.example', '+1')")->{id};
is(row("hms_update_sip_outbound_trunk('$trunk', address => 'other.example')")->{id}, $trunk, 'a trunk is changed');
is_deeply([map { [@$_{qw(username address from)}] } @{ $api->world->{sip_trunks} }], [['u', 'other.example', '+1']], 'at 100ms too');
my $code = $session->value("SELECT code FROM hms_create_room_codes('$live') LIMIT 1");
ok(row("hms_start_sip_outbound_call('+2', '$code', '$trunk', name => 'Ann')")->{id}, 'a call is accepted');
is_deeply([map { $_->{name} } @{ rows("SELECT * FROM hms_active_peers('$live') WHERE name = 'Ann'") }], ['Ann'], 'and is in the room');
is($session->error("SELECT hms_start_sip_outbound_call('+10000000000', '$code', '$trunk')")->{state}, 'MS408', 'or nobody answers');

# Tones go with an auth token: for the room, the role and the user, and for this call alone.
@seen = $api->during(sub { $session->value("SELECT hms_send_dtmf('$live', 'teacher', '{1,#}', user_id => 'u-7')") });
is_deeply([@{ $seen[0]{claims} }{qw(type room_id role user_id)}], ['app', $live, 'teacher', 'u-7'], 'tones: the claims of the token');
cmp_ok($seen[0]{claims}{exp} - $seen[0]{at}, '<=', 900, 'tones: it lives for minutes');
is_deeply([map { $_->{digits} } @{ $api->world->{dtmf} }], [['1', '#']], 'tones: they were sent');
$api->faults({ path => '/sip/dtmf', status => 401 });
@seen = $api->during(sub { $session->value("SELECT hms_send_dtmf('$live', 'teacher', '{2}')") });
is_deeply([map { $_->{claims}{type} } @seen], ['app', 'app'], 'tones: a refused token is renewed, as one of its kind');
isnt($seen[0]{token_id}, $seen[1]{token_id}, 'tones: with another token');
@seen = $api->during(sub { $session->value("SELECT count(*) FROM hms_rooms('math-101')") });
is($seen[0]{claims}{type}, 'management', 'tones: others go on with the management token');

# Webhooks: pages by number, whose end stays where it was.
my $deliveries = "start_time => now() - interval '13 days'";
$session->value('SET hms.page_size = 10');
@seen = $api->during(sub { $session->value("SELECT count(*) FROM (SELECT * FROM hms_webhook_events($deliveries) LIMIT 35) s") });
is_deeply([map { query_of($_->{query})->{page}[0] } @seen], [1 .. 4], 'deliveries: page after page, as they are read');
my %window = map { query_of($_->{query})->{start_time}[0] . ' ' . query_of($_->{query})->{end_time}[0] => 1 } @seen;
is(scalar keys %window, 1, 'deliveries: of one window');
@seen = $api->during(sub { $session->value('SELECT count(*) FROM hms_webhook_events()') });
is($session->value("SELECT '" . query_of($seen[0]{query})->{end_time}[0] . "'::timestamptz - '" . query_of($seen[0]{query})->{start_time}[0] . "'::timestamptz"),
	'1 day', 'deliveries: by default of 24 hours');
@seen = $api->during(sub { $session->value("SELECT count(*) FROM hms_webhook_events(end_time => now() - interval '3 days')") });
is($session->value("SELECT '" . query_of($seen[0]{query})->{end_time}[0] . "'::timestamptz - '" . query_of($seen[0]{query})->{start_time}[0] . "'::timestamptz"),
	'1 day', 'deliveries: before the end, where one is given');
$session->value('RESET hms.page_size');
my @failed = map { $_->{event_id} } grep { $_->{event_name} =~ /failed/ } @{ $api->world->{webhook_events} };
my $failed = rows("SELECT event_id, payload ->> 'error_reason' AS why FROM hms_webhook_events(start_time => now() - interval '13 days', status => 'failed')");
cmp_ok(scalar @$failed, '>', 5, 'deliveries: some failed');
is(scalar(grep { my $id = $_->{event_id}; !$_->{why} || !grep { $_ eq $id } @failed } @$failed), 0, 'deliveries: and these are they');
my $replay = row("hms_replay_webhook_events(now() - interval '13 days', now(), \"limit\" => 7)");
is($replay->{status}, 'started', 'a replay starts');
is(row("hms_webhook_replay('$replay->{workflow_id}')")->{status}, 'Running', 'runs');
$replay = row("hms_webhook_replay('$replay->{workflow_id}')");
is_deeply([$replay->{result}{total}, $replay->{status} =~ /^completed/ ? 1 : 0], [7, 1], 'and ends');
is_deeply(rows("SELECT * FROM hms_webhook_replay('nothing')"), [], 'there is no other');

# Everything there is, page after page, against the truth.
$session->value('SET hms.page_size = 10');
$world = $api->world;
my %list = (
	recordings     => 'hms_recordings()', live_streams => 'hms_live_streams()', external_streams => 'hms_external_streams()',
	recording_assets => 'hms_recording_assets()', templates => 'hms_templates()');
foreach my $what (sort keys %list)
{
	my $ids = rows("SELECT id FROM $list{$what}");
	is_deeply([sort map { $_->{id} } @$ids], [sort map { $_->{id} } @{ $api->world->{$what} }], "all $what");
}
my ($quiz) = map { $_->{poll_id} } @{ $world->{poll_results} };
my @answers = grep { $_->{poll_id} eq $quiz } @{ $world->{poll_responses} };
my %replaced = map { $_->{original_response} // '' => 1 } @answers;
is_deeply([sort map { $_->{id} } @{ rows(qq[SELECT id FROM hms_poll_responses('$quiz', "all" => true)]) }], [sort map { $_->{id} } @answers], 'all answers to a poll');
is_deeply([sort map { $_->{id} } @{ rows("SELECT id FROM hms_poll_responses('$quiz', question => 2)") }],
	[sort map { $_->{id} } grep { $_->{question} == 2 && !$replaced{ $_->{id} } } @answers], 'the valid answers to a question');
is_deeply([sort map { $_->{id} } @{ rows("SELECT id FROM hms_poll_results('$quiz')") }],
	[sort map { $_->{id} } grep { $_->{poll_id} eq $quiz } @{ $world->{poll_results} }], 'all scores of a poll');
my $runs = rows("SELECT * FROM hms_poll_sessions('$quiz')");
is_deeply([sort map { $_->{id} } @$runs], [sort map { $_->{id} } grep { $_->{poll_id} eq $quiz } @{ $world->{poll_sessions} }], 'all runs of a poll');
is_deeply(row("hms_poll_session('$quiz', '$runs->[0]{session_id}')"), $runs->[0], 'the run in a session');
is(row("hms_poll_response('$quiz', '$answers[0]{id}')")->{id}, $answers[0]{id}, 'an answer by its id');
my ($score) = grep { $_->{poll_id} eq $quiz } @{ $world->{poll_results} };
is(row("hms_poll_result('$quiz', '$score->{id}')")->{score}, $score->{score}, 'a score by its id');
my @three = @idle[0 .. 2];
my $three = "ARRAY['" . join("', '", @three) . "']";
foreach my $what (qw(recordings live_streams external_streams recording_assets))
{
	my %in = map { $_ => 1 } @three;
	my $ids = rows("SELECT id FROM hms_$what($three)");
	is_deeply([sort map { $_->{id} } @$ids],
		[sort map { $_->{id} } grep { $in{ $_->{room_id} } } @{ $api->world->{$what} }], "$what of several rooms");
}
my @wrong = grep { $_->{type} =~ /^client/ } @{ $world->{events} };
is_deeply([sort map { $_->{id} } map { @{ rows("SELECT id FROM hms_error_events('$_')") } } map { $_->{id} } @{ $world->{rooms} }],
	[sort map { $_->{id} } @wrong], 'all error events');
is(row("hms_analytics_events('$wrong[0]{data}{room_id}', error => true, session_id => '$wrong[0]{data}{session_id}')")->{data}{error_name},
	$wrong[0]{data}{error_name}, 'an event with its data');
$session->value('RESET hms.page_size');

# What is not there is no row, where that is the API's own word; a page that does not know the path is an error.
foreach my $fetch (map({ "hms_$_('nothing')" } qw(live_stream recording recording_asset external_stream presigned_url poll template stream_key
	template_settings template_destinations template_recordings legacy_template_settings)),
	"hms_role('nothing', 'r')", "hms_legacy_role('nothing', 'r')", "hms_poll_response('nothing', 'r')", "hms_poll_result('nothing', 'r')",
	"hms_poll_session('nothing', 's')", "hms_peer_quality_stats('nothing', 'p')")
{
	is_deeply(rows("SELECT * FROM $fetch"), [], "no row: $fetch");
	$api->faults({ status => 404, body => '<html>not found</html>', times => 0 });
	is($session->error("SELECT * FROM $fetch")->{state}, 'MS404', "an error: $fetch");
	$api->faults;
}


# Beam, and its eleven errors, each with a message and its number, whatever the HTTP status is.

is($session->value("SELECT hms_start_beam('$room', '$meeting', record => true, width => 500, height => 480)"), 'Beam has started successfully', 'Beam starts');
is(row("hms_recordings('$room', status => 'running')")->{meeting_url}, $meeting, 'and is a recording');
my $error = $session->error("SELECT hms_start_beam('$room', '$meeting', record => true)");
is_deeply([$error->{state}, $error->{detail} =~ /code (\d+)/], ['MS400', 1], 'it starts once');
is($session->value("SELECT hms_stop_beam('$room')"), 'Beam has stopped successfully', 'Beam stops');
$error = $session->error("SELECT hms_stop_beam('$room')");
is_deeply([$error->{state}, $error->{detail} =~ /code (\d+)/], ['MS400', 10], 'it stops once');
foreach my $body ('{"message": "started"}', '"started"', 'started')
{
	$api->faults({ path => '/beam', raw_body => $body });
	is($session->value("SELECT hms_stop_beam('r')"), 'started', "success may be $body");
}
my %message;
foreach my $code (1 .. 11)
{
	foreach my $status (400, $code == 2 ? 500 : 404, 200)
	{
		$api->faults({ path => '/beam', status => $status, body => encode({ code => $code, message => "Error: in words $code" }) });
		my @asked = $api->during(sub { $error = $session->error("SELECT hms_stop_beam('r')") });
		is_deeply([$error->{state}, $error->{detail} =~ /(?:code (\d+)).*HTTP status (\d+).*in words (\d+)/, scalar @asked],
			['MS' . ($status == 200 ? 400 : $status), $code, $status, $code, 1], "Beam's error $code with HTTP status $status") or diag $error->{text};
	}
	$message{ $error->{message} } = $code;
}
is(scalar keys %message, 11, 'each of them has a message of its own');
$api->faults({ path => '/beam', status => 400, body => '{"code": 12, "message": "Error: news"}' });
like($session->error("SELECT hms_stop_beam('r')")->{message}, qr/could not stop beam: Error: news/, 'another one is told in its own words');
$api->faults({ path => '/beam', status => 200, body => '{"code": 200, "message": "stopped"}' });
is($session->value("SELECT hms_stop_beam('r')"), 'stopped', 'a code that is no error is none');
$api->faults;


# Secrets: what was sent, and comes back in an error, reaches neither the message nor the log.

$session->value('CREATE TABLE told (what text, said jsonb)');
$session->value(qq[INSERT INTO told VALUES ('settings', '$upload'), ('urls', '{"rtmp_urls": ["rtmp://h/stream-key-1"]}'),
	('room', '{"webhook": {"url": "https://h", "headers": {"x-token": "x-header-value"}}}')]);
my $mark = -s $db->logfile;
foreach my $leak (
	["hms_update_template_settings('t', (SELECT said FROM told WHERE what = 'settings'))", 'AKIA-4711', 'very-secret-0815'],
	["hms_start_external_stream('r', (SELECT said FROM told WHERE what = 'urls'))", 'rtmp://h/stream-key-1'],
	["hms_create_room((SELECT said FROM told WHERE what = 'room'))", 'x-header-value'],
	["hms_create_sip_outbound_trunk('u', (SELECT 'trunk-' || 'password'), 'a', 'f')", 'trunk-password'])
{
	my ($call, @secrets) = @$leak;
	$api->faults({ status => 400, body => encode({ code => 400, message => "Invalid: @secrets", details => ["so: @secrets", @secrets] }) });
	my ($request) = $api->during(sub { $error = $session->error("SET log_min_messages = debug5; SELECT * FROM $call") });
	is($error->{state}, 'MS400', "refused: $call");
	is(scalar(grep { index($request->{body}, $_) >= 0 } @secrets), scalar @secrets, 'the request had its secrets');
	is(scalar(grep { index($error->{text}, $_) >= 0 } @secrets), 0, 'the error has none of them') or diag $error->{text};
	like($error->{message}, qr/Invalid: \*/, 'but what else the API said');
}
$session->value('RESET log_min_messages');
my $log = substr slurp_file($db->logfile), $mark;
like($log, qr/Invalid: \*/, 'the log has the errors');
unlike($log, qr/AKIA-4711|very-secret-0815|stream-key-1|x-header-value|trunk-password/, 'and no secret');

# A role that may read sees no stream key and no storage key; one that may write does.
$db->value("CREATE ROLE reader; CREATE ROLE writer; SELECT hms_grant('reader', 'read'); SELECT hms_grant('writer', 'write')");
foreach my $secret ("hms_stream_key('$room')", 'hms_templates()', "hms_template($t)", "hms_template_settings($t)", "hms_template_destinations($t)",
	"hms_legacy_templates()", "hms_presigned_url('$assets->[0]{id}')", "hms_update_template_settings($t, '{}')")
{
	is($db->error("SET ROLE reader; SELECT * FROM $secret")->{state}, '42501', "not for a reader: $secret");
	is($db->error("SET ROLE writer; SELECT * FROM $secret")->{state}, '',      "for a writer: $secret");
}
is($db->error("SET ROLE reader; SELECT * FROM $_")->{state}, '', "for a reader: $_")
  foreach 'hms_recordings()', "hms_role($t, 'y')", 'hms_webhook_events()', "hms_error_events('$room')", "hms_poll('$quiz')";

$session->quit;
done_testing;
