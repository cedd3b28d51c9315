# The whole API: every endpoint of test/endpoints.json is served by a function that can say all of it, and every
# function is called once with every parameter, its request and its row compared with what the documentation tells.

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

my @facts = @{ decode(slurp_file("$FindBin::Bin/../test/endpoints.json")) };
is(scalar @facts, 98, 'the list of endpoints is whole');

my %prefix = ('hms.api_url' => '/v2', 'hms.beam_url' => '/api/v2', 'hms.policy_url' => '/policy/v1');


# Part one: nothing is missing.

my @served = @{ $db->rows('SELECT * FROM hms_internal._hms_endpoints()') };

# The functions that users see, with their argument names and the columns of their rows: [name, type] in order.
my %function = map { $_->{name} => $_ } @{ $db->rows(<<'SQL') };
	SELECT p.proname AS name, p.prorettype::regtype AS type,
		array_agg(DISTINCT a.name) FILTER (WHERE a.name <> '') AS arguments,
		(SELECT json_agg(json_build_array(c.attname,
				CASE c.atttypid::regtype::text WHEN 'timestamp with time zone' THEN 'timestamptz'
					ELSE c.atttypid::regtype::text END) ORDER BY c.attnum)
			FROM pg_type t JOIN pg_attribute c ON c.attrelid = t.typrelid AND c.attnum > 0
			WHERE t.oid = p.prorettype AND t.typtype = 'c') AS columns
	FROM pg_proc p LEFT JOIN unnest(p.proargnames) AS a (name) ON true
	WHERE p.proname LIKE 'hms\_%'
	GROUP BY p.proname, p.prorettype
SQL

# Names that a reader's walk sends by itself.
my %paging = map { $_ => 1 } qw(limit start page);

# customerId is the column customer_id; type inside the data of a track event is track_type.
sub column_of
{
	my ($field, $noun) = @_;
	my $inner = $field =~ s/^data\.//;
	$field = "${noun}_$field" if $inner && grep { $_ eq $field } qw(id version timestamp type);
	return $field =~ s/(?<=[a-z])([A-Z])/_\l$1/gr;
}

# Whether the columns have these fields, in this order, of these types, what is wide behind what is narrow, and "extra"
# last; else what is wrong.
sub columns_fault
{
	my ($columns, $fact) = @_;
	my ($noun) = $fact->{name} =~ /^list_(\w+?)_events$/;
	my @names = map { $_->[0] } @$columns;
	return 'no column "extra" at the end' if "@{ $columns->[-1] }" ne 'extra jsonb';
	my %rest = (narrow => [ grep { $_->[1] ne 'jsonb' } @$columns ], wide => [ grep { $_->[1] eq 'jsonb' } @$columns ]);
	return 'a wide column before a narrow one' if "@names" ne join ' ', map { $_->[0] } @{ $rest{narrow} }, @{ $rest{wide} };
	foreach my $field (@{ $fact->{fields} })
	{
		my ($name, $type) = @$field;
		next if $name eq 'data' && $noun && $noun ne 'analytics';

		# another name of recording_info, that lists of rooms use
		next if $name eq 'recording' && grep { $_->[0] eq 'recording_info' } @$columns;
		my $column = column_of($name, $noun);
		my $rest = $rest{ (grep { $_->[0] eq $column } @{ $rest{wide} }) ? 'wide' : 'narrow' };
		shift @$rest while @$rest && $rest->[0][0] ne $column;
		return "no column \"$column\" in its place" if !@$rest;
		return "column \"$column\" is $rest->[0][1], not $type" if $rest->[0][1] ne $type;
	}
	return '';
}

my %local = (create_management_token => 'hms_management_token', create_auth_token => 'hms_auth_token');
my %serving;    # function -> the facts it serves
foreach my $fact (@facts)
{
	my $name = $fact->{name};
	if ($fact->{method} eq 'LOCAL')
	{
		ok($function{ $local{$name} }, "$name: a function signs it");
		next;
	}
	my @rows = grep {
		my $row = $_;
		$row->{path} && !grep { $row->{$_} ne $fact->{$_} } qw(method base path)
	} @served;
	my %can  = map { $_ => 1 } map { @{ $_->{params} } } @rows;
	my @functions = grep { $function{$_} } map { @{ $_->{functions} } } @rows;
	push @{ $serving{$_} }, $fact foreach @functions;
	ok(@functions > 0, "$name: a function serves $fact->{method} $fact->{path}");

	my @lost = grep { !$can{$_} && !($fact->{paging} ne 'none' && $paging{$_}) } @{ $fact->{query} };
	push @lost, grep { !$can{$_} && !$can{'*'} } @{ $fact->{body} };
	is("@lost", '', "$name: every parameter can be given");

	# a message is text, no answer is void, peer statistics are laid out by SQL and looked at below
	next if $name eq 'get_peer_quality_stats';
	my $fields = join ' ', map { $_->[0] } @{ $fact->{fields} };
	if ($fields eq 'message' || $fields eq '')
	{
		ok((grep { $function{$_}{type} =~ /^(?:text|void)$/ } @functions), "$name: a function returns text or void");
		next;
	}
	my @faults = map { columns_fault($function{$_}{columns}, $fact) } grep { $function{$_}{columns} } @functions;
	ok((grep { $_ eq '' } @faults), "$name: its fields are columns") or diag join "\n", @faults;
}


# Part two: every function, with every parameter.

my $when = '2026-01-31 10:00:00.25+01';
my $wire = '2026-01-31T09:00:00.250Z';
my %called;

# A value of a type that no other field has, as JSON has it and as the row shows it.
my $count = 0;

sub value_of
{
	my ($name, $type) = @_;
	$count++;
	return ("the $name", "the $name") if $type eq 'text';
	return (true, true) if $type eq 'boolean';
	return ($count, $count) if $type eq 'integer';
	return (9_000_000_000 + $count, 9_000_000_000 + $count) if $type eq 'bigint';
	return (["a $name", $count], ["a $name", "$count"]) if $type eq 'text[]';
	return ({ in => $name, n => $count }, { in => $name, n => $count }) if $type eq 'jsonb';
	my $time = sprintf '2026-02-%02dT%02d:%02d:%02d.123456', 1 + $count % 28, $count % 24, $count % 60, $count % 60;
	return ("${time}Z", "$time+00:00") if $type eq 'timestamptz';
	die "no value of type $type";
}

# An object with every field of an endpoint and one that nobody has heard of, and the row that it is.
sub answer_of
{
	my ($fact, $columns) = @_;
	my ($noun) = $fact->{name} =~ /^list_(\w+?)_events$/;
	my %object = (unheardOf => { of => 1 });
	my %row    = map { $_->[0] => undef } @$columns;
	$row{extra} = { unheardOf => { of => 1 } };
	foreach my $field (@{ $fact->{fields} })
	{
		my ($name, $type) = @$field;
		next if $name eq 'data' && $noun ne 'analytics';
		my ($json, $shown) = value_of($name, $type);
		my $column = column_of($name, $noun);
		if   ($name =~ /^data\.(.*)/) { $object{data}{$1} = $json }
		else                          { $object{$name} = $json }
		if   (exists $row{$column}) { $row{$column} = $shown }
		else                        { $row{extra}{$name} = $shown }
	}
	return (\%object, \%row);
}

# An object as the page that the endpoint answers.
sub page_of
{
	my ($fact, $object) = @_;
	return $object if $fact->{answer} ne 'list';
	return [$object] if !defined $fact->{rows};
	return { $fact->{rows} => $fact->{map} ? { $object->{id} => $object } : [$object], limit => 100, last => '', next => '' };
}

# Calls a function: the request must be this one, the row that of a made-up answer. $fact_name picks the endpoint
# where the path alone does not.
sub call_is
{
	my ($call, $method, $path, $query, $body, %option) = @_;
	my ($name) = $call =~ /^(\w+)\(/;
	my @facts = grep { !$option{fact} || $_->{name} eq $option{fact} } @{ $serving{$name} // [] };
	my $fact = $facts[0];
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return fail("$name serves an endpoint") if !$fact;

	$called{$name} = 1;
	my @unnamed = grep { $call !~ /\b"?\Q$_\E"? =>/ } grep { $_ ne 'overwrite' || $call !~ /overwrite/ }
	  @{ $option{without} ? [] : $function{$name}{arguments} // [] };
	@unnamed = grep { !($_ eq 'room_ids' && $call =~ /\broom_id =>/) && !($_ eq 'room_id' && $call =~ /\broom_ids =>/) } @unnamed;
	is("@unnamed", '', "every argument is given: $call");

	my $columns = $function{$name}{columns};
	my ($object, $row) = $columns ? answer_of($fact, $columns) : ({ message => 'done' }, undef);
	$api->faults({ path => '^/(?:v2|api|policy)', raw_body => encode(page_of($fact, $object)) });
	$api->clear;
	my $sql = $columns
	  ? "SELECT coalesce(json_agg(q), '[]') FROM $call AS q"
	  : "SELECT $call";
	my $out = $session->value("$sql");
	my @seen = $api->log;
	$api->faults;

	is(scalar @seen, 1, "one request: $call") or return diag explain \@seen;
	my $seen = $seen[0];
	my $asked = query_of($seen->{query});
	delete $asked->{$_} foreach grep { !exists $query->{$_} } qw(limit page);
	my %got  = (method => $seen->{method}, path => $seen->{path}, query => $asked, body => body_of($seen),
		type => $seen->{headers}{'content-type'}, token => $seen->{claims}{type});
	my %want = (
		method => $method,
		path   => ($prefix{ $fact->{base} }) . $path,
		query  => { map { $_ => ref $query->{$_} ? $query->{$_} : [$query->{$_}] } keys %$query },
		body   => $body,
		type   => $method eq 'POST' ? 'application/json' : undef,
		token  => $option{token} // 'management');
	delete @$_{qw(type)} foreach $method eq 'POST' ? () : (\%got, \%want);
	is_deeply(\%got, \%want, "what it asks: $call") or diag explain \%got;

	if (!$columns)
	{
		is($out, $function{$name}{type} eq 'text' ? 'done' : '', "what it returns: $call");
		return;
	}
	my $rows = decode($out);
	is_deeply($rows, [$row], "its row is the answer: $call") or diag explain $rows;
	return;
}

# Events.
my %filters = (room_id => 'r', session_id => 's', peer_id => 'p', user_id => 'u');
my $filters = "room_id => 'r', session_id => 's', peer_id => 'p', user_id => 'u'";
call_is("hms_track_events($filters, type => '{track.add.success}')",
	GET => '/analytics/events', { %filters, type => 'track.add.success' }, undef, fact => 'list_track_events');
call_is("hms_recording_events($filters, beam_id => 'b')",
	GET => '/analytics/events', { %filters, beam_id => 'b', type => 'beam.recording.success' }, undef, fact => 'list_recording_events');
call_is("hms_error_events($filters, type => '{client.join.failed,client.disconnected}')",
	GET => '/analytics/events', { %filters, type => ['client.join.failed', 'client.disconnected'] }, undef, fact => 'list_error_events');
my @errors = map { "client.$_" } qw(publish.failed subscribe.failed join.failed disconnected connect.failed);
call_is("hms_error_events(room_ids => '{r}')", GET => '/analytics/events', { room_id => 'r', type => \@errors }, undef,
	fact => 'list_error_events', without => 1);
call_is("hms_analytics_events($filters, beam_id => 'b', type => '{a,b}', error => true)",
	GET => '/analytics/events', { %filters, beam_id => 'b', type => ['a', 'b'], error => 'true' }, undef, fact => 'list_analytics_events');
call_is("hms_analytics_events(room_ids => '{r}')", GET => '/analytics/events', { room_id => 'r' }, undef,
	fact => 'list_analytics_events', without => 1);

# Webhooks.
my %deliveries = (start_time => $wire, end_time => $wire, status => 'failed', event_names => ['peer.join.success', 'x']);
my $deliveries = "start_time => '$when', end_time => '$when', status => 'failed', event_names => '{peer.join.success,x}'";
call_is("hms_webhook_events(room_id => 'r', $deliveries)", GET => '/analytics/webhooks', { %deliveries, room_id => 'r', page => 1 });
call_is("hms_webhook_events(room_ids => '{r}', $deliveries)", GET => '/analytics/webhooks', { %deliveries, room_id => 'r', page => 1 });
call_is(qq[hms_replay_webhook_events(room_id => 'r', $deliveries, "limit" => 50000, "offset" => 7)],
	POST => '/analytics/webhooks/replay', {}, { %deliveries, room_id => 'r', limit => 50000, offset => 7 });
call_is("hms_webhook_replay(workflow_id => 'w 1')", GET => '/analytics/webhooks/replay/w%201', {});

# Live streams, recordings, external streams: much the same.
my %jobs = (status => 'running', session_id => 's');
my $jobs = "session_id => 's', status => 'running'";
my $url  = 'https://example.com/?a=1&b=2';
my $summary = { context => 'c' x 300, temperature => 0.1, sections => [map { { title => 't' x 100, format => 'bullets' } } 1 .. 6] };
my %options = (
	live_stream => {
		meeting_url => $url, recording => { hls_vod => true, single_file_per_layer => false }, destination => 'd',
		transcription => { enabled => true, modes => ['live'], output_modes => ['txt'], custom_vocabulary => ['ü'], summary => $summary }
	},
	recording => {
		meeting_url => $url, resolution => { width => 1920, height => 1080 }, destination => 'd', audio_only => false,
		transcription => { enabled => true, summary => $summary }, unheard_of => undef
	},
	external_stream => {
		meeting_url => $url, rtmp_urls => [map { "rtmps://h/a/k$_" } 1 .. 5], recording => true, destination => 'd',
		resolution => { width => 500, height => 480 }
	});
foreach my $noun (sort keys %options)
{
	my $path = '/' . $noun =~ tr/_/-/r . 's';
	my $body = encode($options{$noun}) =~ s/'/''/gr;
	utf8::decode($body);
	call_is("hms_${noun}s(room_id => 'r', $jobs)", GET => $path, { %jobs, room_id => 'r' });
	call_is("hms_${noun}s(room_ids => '{r}', $jobs)", GET => $path, { %jobs, room_id => 'r' });
	call_is("hms_$noun(id => 'i/1')", GET => "$path/i%2F1", {});
	call_is("hms_start_$noun(room_id => 'r/1', options => '$body')", POST => "$path/room/r%2F1/start", {}, $options{$noun});
	call_is("hms_stop_$noun(id => 'i/1')", POST => "$path/i%2F1/stop", {}, {});
	call_is("hms_stop_${noun}s(room_id => 'r/1')", POST => "$path/room/r%2F1/stop", {}, {});
}
call_is("hms_pause_live_stream_recording(id => 'i')", POST => '/live-streams/i/pause-recording', {}, {});
call_is("hms_resume_live_stream_recording(id => 'i')", POST => '/live-streams/i/resume-recording', {}, {});
my $payload = "\x{e9}" x 100;
call_is("hms_send_timed_metadata(id => 'i', payload => repeat(U&'\\00e9', 100), duration => 1)",
	POST => '/live-streams/i/timed-metadata', {}, { payload => $payload, duration => 1 });
call_is("hms_pause_recording(room_id => 'r')", POST => '/recordings/room/r/pause', {}, {});
call_is("hms_resume_recording(room_id => 'r')", POST => '/recordings/room/r/resume', {}, {});
call_is("hms_recording_assets(room_id => 'r', $jobs)", GET => '/recording-assets', { %jobs, room_id => 'r' });
call_is("hms_recording_assets(room_ids => '{r}', $jobs)", GET => '/recording-assets', { %jobs, room_id => 'r' });
call_is("hms_recording_asset(id => 'i')", GET => '/recording-assets/i', {});
call_is("hms_presigned_url(asset_id => 'i', valid_for => '1 day 90 seconds')",
	GET => '/recording-assets/i/presigned-url', { presign_duration => 86490 });
call_is("hms_presigned_url(asset_id => 'i')", GET => '/recording-assets/i/presigned-url', { presign_duration => 3600 }, undef, without => 1);

# Stream keys.
call_is("hms_create_stream_key(room_id => 'r')", POST => '/stream-keys/room/r', {}, {});
call_is("hms_stream_key(room_id => 'r')", GET => '/stream-keys/room/r', {});
call_is("hms_disable_stream_key(room_id => 'r')", POST => '/stream-keys/room/r/disable', {}, {});

# Polls.
my %poll = (title => 'T', questions => [{ index => 1, answer => { options => [1] }, options => [] }], anonymous => true);
my $poll = encode(\%poll);
call_is("hms_create_poll(options => '$poll')", POST => '/polls', {}, \%poll);
call_is("hms_poll(poll_id => 'p')", GET => '/polls/p', {});
call_is("hms_update_poll(poll_id => 'p', poll => '$poll')", POST => '/polls/p', {}, \%poll);
call_is(q[hms_update_poll_question(poll_id => 'p', question_id => 2, question => '{"text": "?"}')],
	POST => '/polls/p/questions/2', {}, { text => '?' });
call_is(q[hms_update_poll_option(poll_id => 'p', question_id => 2, option_id => 3, option => '{"weight": 4}')],
	POST => '/polls/p/questions/2/options/3', {}, { weight => 4 });
call_is("hms_delete_poll_question(poll_id => 'p', question_id => 2)", DELETE => '/polls/p/questions/2', {});
call_is("hms_delete_poll_option(poll_id => 'p', question_id => 2, option_id => 3)", DELETE => '/polls/p/questions/2/options/3', {});
call_is("hms_poll_sessions(poll_id => 'p')", GET => '/polls/p/sessions', {});
call_is("hms_poll_session(poll_id => 'p', session_id => 's')", GET => '/polls/p/sessions/s', {});
call_is(q[hms_poll_responses(poll_id => 'p', question => 2, "all" => false)], GET => '/polls/p/responses', { question => 2, all => 'false' });
call_is("hms_poll_response(poll_id => 'p', response_id => 'i')", GET => '/polls/p/responses/i', {});
call_is("hms_poll_results(poll_id => 'p', question => 2)", GET => '/polls/p/results', { question => 2 });
call_is("hms_poll_result(poll_id => 'p', result_id => 'i')", GET => '/polls/p/results/i', {});
call_is("hms_link_polls(room_id => 'r', polls => '{a,b}')", POST => '/rooms/r', {}, { polls => ['a', 'b'] }, fact => 'update_room');

# Templates.
my %template = (
	name     => 'T 1',
	roles    => { 'a b' => { priority => 1, publishParams => { allowed => ['audio'], audio => { bitRate => 16 } } } },
	settings => { region => 'in', roomState => { messageInterval => 5 } }, destinations => {}, plugins => {});
my $template = encode(\%template);
my $role     = '{"priority": 5, "maxPeerCount": -1, "name": "other"}';
call_is('hms_templates()', GET => '/templates', {});
call_is("hms_template(template_id => 't')", GET => '/templates/t', {});
call_is("hms_create_template(template => '$template', overwrite => true)", POST => '/templates', {}, \%template);
call_is("hms_update_template(template_id => 't', template => '$template', overwrite => false)", POST => '/templates/t', {}, \%template);
call_is("hms_role(template_id => 't', role_name => 'a b/c')", GET => '/templates/t/roles/a%20b%2Fc', {});
call_is("hms_create_role(template_id => 't', role_name => 'a b', role => '$role', overwrite => true)",
	POST => '/templates/t/roles/a%20b', {}, decode($role));
call_is("hms_delete_role(template_id => 't', role_name => 'a b')", DELETE => '/templates/t/roles/a%20b', {});
call_is("hms_template_settings(template_id => 't')", GET => '/templates/t/settings', {});
call_is(q[hms_update_template_settings(template_id => 't', settings => '{"region": "eu", "recording": null}')],
	POST => '/templates/t/settings', {}, { region => 'eu', recording => undef });
call_is("hms_template_destinations(template_id => 't')", GET => '/templates/t/destinations', {});
call_is(q[hms_update_template_destinations(template_id => 't', destinations => '{"rtmpDestinations": {}}')],
	POST => '/templates/t/destinations', {}, { rtmpDestinations => {} });
call_is("hms_template_recordings(template_id => 't')", GET => '/templates/t/recordings', {});
call_is(q[hms_update_template_recordings(template_id => 't', recordings => '[{"name": "n", "role": "a b"}]')],
	POST => '/templates/t/recordings', {}, [{ name => 'n', role => 'a b' }]);

# SIP.
my %trunk = (username => 'u', password => 'p', address => 'a', from => '+1');
my $trunk = q[username => 'u', password => 'p', address => 'a', "from" => '+1'];
call_is("hms_create_sip_outbound_trunk($trunk)", POST => '/sip/outbound/trunks', {}, \%trunk);
call_is("hms_update_sip_outbound_trunk(trunk_id => 't', $trunk)", POST => '/sip/outbound/trunks/t', {}, \%trunk);
call_is(q[hms_start_sip_outbound_call("to" => '+2', room_code => 'c', trunk_id => 't', name => 'n', user_id => 'u', video => true,
		headers => '{"X-a.b": "ü 1"}')] =~ s/\s+/ /gr,
	POST => '/sip/outbound/call', {},
	{ to => '+2', room_code => 'c', trunk_id => 't', name => 'n', user_id => 'u', video => true, headers => { 'X-a.b' => "\x{fc} 1" } });
call_is("hms_send_dtmf(room_id => 'r', role => 'host', digits => '{4,#,*,a}', user_id => 'u')",
	POST => '/sip/dtmf', {}, { digits => ['4', '#', '*', 'a'] }, token => 'app');

# Legacy.
call_is("hms_start_beam(room_id => 'r', meeting_url => '$url', rtmp_urls => '{rtmp://h/1,rtmps://h/2,RTMP://h/3}', record => true, width => 1080, height => 1920)",
	POST => '/beam', {},
	{
		operation => 'start', room_id => 'r', meeting_url => $url, rtmp_urls => ['rtmp://h/1', 'rtmps://h/2', 'RTMP://h/3'],
		record => true, resolution => { width => 1080, height => 1920 }
	}, fact => 'legacy_start_beam');
call_is("hms_stop_beam(room_id => 'r')", POST => '/beam', {}, { operation => 'stop', room_id => 'r' }, fact => 'legacy_stop_beam');
call_is(q[hms_legacy_create_room(options => '{"name": "n", "template": "t"}')], POST => '/rooms', {}, { name => 'n', template => 't' });
call_is("hms_legacy_disable_room(name => 'n')", POST => '/rooms', {}, { name => 'n', active => false });
my %sessions = (active => 'false', after => $wire, before => $wire, id => 'i');
my $sessions = "active => false, after => '$when', before => '$when', id => 'i'";
call_is("hms_legacy_sessions(room_id => 'r', $sessions)", GET => '/sessions', { %sessions, room_id => 'r' }, undef, fact => 'legacy_list_sessions');
call_is("hms_legacy_sessions(room_ids => '{r}', $sessions)", GET => '/sessions', { %sessions, room_id => 'r' }, undef, fact => 'legacy_list_sessions');
call_is(q[hms_legacy_templates(name => 'n', id => 'i', "default" => true)], GET => '/templates', { name => 'n', id => 'i', default => 'true', limit => 20 });
call_is(q[hms_legacy_create_template(template => '{"name": "n", "default": true}', overwrite => true)],
	POST => '/templates', {}, { name => 'n', default => true });
call_is(q[hms_legacy_update_template(template => '{"roles": {}, "settings": {}}', id => 'i', name => 'n')],
	POST => '/templates', { id => 'i', name => 'n' }, { roles => {}, settings => {} });
call_is("hms_legacy_role(template_id => 't', role_name => 'a')", GET => '/templates/t/roles/a', {});
call_is(q[hms_legacy_create_role(template_id => 't', role_name => 'a', role => '{"priority": 10}', overwrite => true)],
	POST => '/templates/t/roles/a', {}, { priority => 10 });
call_is("hms_legacy_delete_role(template_id => 't', role_name => 'a')", DELETE => '/templates/t/roles/a', {});
call_is("hms_legacy_template_settings(template_id => 't')", GET => '/templates/t/settings', {});
call_is("hms_legacy_update_template_settings(template_id => 't', region => 'eu')", POST => '/templates/t/settings', {}, { region => 'eu' });

# Peer statistics are laid out by SQL: a row for each instant, arrays of other lengths and other measures with it.
my %stats = (
	peer_id => 'p', session_id => 's', room_id => 'r',
	publisher => {
		video => [{
			track_id => 'v', type => 'regular', rid => 'h', codec => 'vp8',
			time_series => { timestamps => [1700000000123, 1700000010123], bitrate => [1.5, undef], fps => [30], loudness => [7, 8] }
		}],
		audio => [{ track_id => 'a', time_series => { timestamps => [1700000000000], rtt_ms => [1, 2], packet_loss_percent => [3],
			jitter_ms => [0.5] } }]
	},
	subscriber => {
		video => [{ track_id => 'w', type => 'screen', time_series => { timestamps => [1700000000000], freeze_count => [4] } }],
		audio => [{ track_id => 'b', time_series => { timestamps => [1700000000000], concealed_samples => ['odd'] } },
			{ track_id => 'c', time_series => { timestamps => [] } }]
	});
$api->faults({ raw_body => encode(\%stats) });
$api->clear;
my $rows = decode($session->value("SELECT json_agg(json_strip_nulls(to_json(q)) ORDER BY side, kind DESC, track_id, timestamp) FROM hms_peer_quality_stats(session_id => 's', peer_id => 'p') AS q"));
my ($seen) = $api->log;
$called{hms_peer_quality_stats} = 1;
is_deeply([$seen->{path}, query_of($seen->{query})], ['/v2/analytics/peer-stats', { session_id => ['s'], peer_id => ['p'] }], 'peer statistics: what it asks');
my %stat = (session_id => 's', peer_id => 'p', room_id => 'r', timestamp => '2023-11-14T22:13:20+00:00');
is_deeply($rows,
	[
		{ %stat, side => 'publisher', kind => 'video', track_id => 'v', type => 'regular', rid => 'h',
			timestamp => '2023-11-14T22:13:20.123+00:00', bitrate => 1.5, fps => 30, extra => { codec => 'vp8', loudness => 7 } },
		{ %stat, side => 'publisher', kind => 'video', track_id => 'v', type => 'regular', rid => 'h',
			timestamp => '2023-11-14T22:13:30.123+00:00', extra => { codec => 'vp8', loudness => 8 } },
		{ %stat, side => 'publisher', kind => 'audio', track_id => 'a', rtt_ms => 1, packet_loss_percent => 3, jitter_ms => 0.5 },
		{ %stat, side => 'subscriber', kind => 'video', track_id => 'w', type => 'screen', freeze_count => 4 },
		{ %stat, side => 'subscriber', kind => 'audio', track_id => 'b' }
	],
	'peer statistics: a row for each side, kind, track, layer and instant') or diag explain $rows;
$api->faults;

# No function was forgotten: those not called here are called in 001 or, of the texts of assets, in 090.
my $first = join '', map { slurp_file("$FindBin::Bin/$_") } qw(001_requests.pl 090_texts.pl);
my @own = grep { $function{$_} && $_ ne 'hms_check' } map { $_->{endpoint} } @served;
my @forgotten = grep { !$called{$_} && $first !~ /\b$_\(|qw\([^)]*\b$_\b/ } @own;
cmp_ok(scalar @own, '>', 90, 'the table has the functions');
is("@forgotten", '', 'every function of an endpoint is called with every parameter');

$session->quit;
done_testing;
