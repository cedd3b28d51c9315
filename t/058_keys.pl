# Members of bodies that are not known: sent, with a warning that names what was probably meant.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use Test::More;

my $api     = Hms::Api->launch;
my $db      = Hms::Db->launch($api);
my $session = $db->session;

# The members that SQL warns of, each with what was probably meant, and what was sent.
sub warned
{
	my ($sql) = @_;
	my ($err, @seen);
	@seen = grep { $_->{method} eq 'POST' } $api->during(sub { (undef, $err) = $session->ask($sql) });
	my @warnings;
	push @warnings, "$1" . (defined $2 ? " $2" : '')
	  while $err =~ /WARNING:  22023: argument "\w+" has a member that is not known: "(.*?)"\nDETAIL:  It is sent as it stands\.\n(?:HINT:  Perhaps you meant "(.*?)"\.)?/g;
	return (join(', ', @warnings), @seen ? body_of($seen[0]) : undef);
}

foreach my $case (
	['{"nmae": "x"}', 'nmae name'], ['{"templateId": "t"}', 'templateId template_id'], ['{"max_duration": 600}', 'max_duration max_duration_seconds'], ['{"Name": "x"}', 'Name name'],
	['{"zzz": 1}', 'zzz'], ['{"name": "x", "size": 10, "polls": [], "region": "in"}', ''], ['{}', ''],
	['{"webhook": {"url": "https://a.example", "headers": {"anything": "x"}}}', ''], ['{"webhook": {"url": "https://a.example", "header": {}}}', 'webhook.header headers'],
	['{"recording_info": {"enabled": true, "upload_info": {"type": "s3", "location": "b", "credentials": {"key": "k", "secret": "s", "secretKey": "s"}}}}',
		'recording_info.upload_info.credentials.secretKey secret'])
{
	my ($body, $want) = @$case;
	my ($got, $sent) = warned("SELECT hms_create_room('$body')");
	is($got, $want, "hms_create_room: $body");
	is_deeply($sent, decode($body), 'sent as it stands') if $want !~ /templateId|secretKey|zzz/;
	($got) = warned("SELECT hms_update_room('65a0000790c192cfd3ac94af', '$body')");
	is($got, $want, "hms_update_room: $body");
}
foreach my $case (
	["hms_start_recording('r', '{\"audioOnly\": true}')", 'audioOnly audio_only'], ["hms_start_live_stream('r', '{\"recording\": {\"hlsVod\": true}, \"transcription\": {\"sumary\": {}}}')", 'recording.hlsVod hls_vod, transcription.sumary summary'],
	["hms_start_recording('r', '{\"transcription\": {\"summary\": {\"sections\": [{\"title\": \"t\", \"format\": \"bullets\"}, {\"title\": \"t\", \"format\": \"bullets\", \"fromat\": 1}]}}}')", 'transcription.summary.sections.1.fromat format'],
	["hms_start_external_stream('r', '{\"rtmp_urls\": [\"rtmp://a/b\"], \"resolution\": {\"width\": 1280, \"height\": 720, \"heigth\": 1}}')", 'resolution.heigth height'],
	["hms_update_peer('r', 'p', '{\"meta_data\": \"x\"}')", 'meta_data metadata'], ["hms_create_poll('{\"questions\": [{\"txt\": \"x\", \"options\": [{\"weigth\": 1}]}]}')", 'questions.0.txt text, questions.0.options.0.weigth weight'],
	["hms_create_role('t', 'r', '{\"publishParams\": {\"audio\": {\"bitrate\": 32}, \"simulcast\": {\"screen\": {\"layers\": [{\"rid\": \"f\", \"scaleResolutionDownBy\": 1, \"maxFramerate\": 30}]}}}}', overwrite => true)", 'publishParams.audio.bitrate bitRate'],
	["hms_update_template_settings('t', '{\"roomState\": {\"messageIntervall\": 10}}')", 'roomState.messageIntervall messageInterval'],
	["hms_update_template_destinations('t', '{\"hlsDestinations\": {\"any\": {\"name\": \"x\", \"layer\": []}}}')", 'hlsDestinations.any.layer layers'],
	["hms_create_template('{\"name\": \"n\", \"roles\": {\"any-name\": {\"priorty\": 1}}}', overwrite => true)", 'roles.any-name.priorty priority'])
{
	my ($call, $want) = @$case;
	is((warned("SELECT $call"))[0], $want, $call);
}

# nothing is said twice too often, nor of what is not a name
my ($out, $err) = $session->ask(q(SELECT hms_create_room(jsonb_build_object('name', 'k', 'k' || i, 1)) FROM generate_series(1, 20) i));
is(scalar(() = $err =~ /WARNING/g), 5, 'five warnings a statement');
($out, $err) = $session->ask(q(SELECT hms_create_room(jsonb_build_object('name', 'k', repeat('k', 100000), 1))));
cmp_ok(length $err, '<', 1000, 'long names are cut');
is((warned(q(SELECT hms_api_post('/rooms', '{"nmae": "x"}'))))[0], '', 'the API by hand takes anything');

$session->quit;
done_testing();
