# Every bound that the documentation gives for a member of a body, and every member that an object needs: what is at
# the bound is sent, what is beyond it or missing is refused before anything is sent.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, 'hms.beam_url' => "$api->{origin}/api/v2", 'hms.policy_url' => "$api->{origin}/policy/v1");
my $session = $db->session;
my %facts = map { $_->{name} => $_ } @{ decode(slurp_file("$FindBin::Bin/../test/endpoints.json")) };
$api->faults({ path => '^/(?:v2|api|policy)', raw_body => '{}', times => 0 });

# The calls whose body is one argument, and what each body needs anyway. The arguments of the others are bounded in 012.
my %whole = (roles => {}, settings => {}, destinations => {});
my %call = (
	create_room                  => ["hms_create_room('%s')"],
	update_room                  => ["hms_update_room('r', '%s')"],
	start_live_stream            => ["hms_start_live_stream('r', '%s')"],
	start_recording              => ["hms_start_recording('r', '%s')"],
	start_external_stream        => ["hms_start_external_stream('r', '%s')", rtmp_urls => ['rtmp://h/k']],
	create_template              => ["hms_create_template('%s', true)"],
	update_template              => ["hms_update_template('t', '%s')", %whole],
	upsert_role                  => ["hms_create_role('t', 'r', '%s', true)"],
	update_template_settings     => ["hms_update_template_settings('t', '%s')"],
	update_template_destinations => ["hms_update_template_destinations('t', '%s')"],
	update_template_recordings   => ["hms_update_template_recordings('t', '%s')"],
	legacy_create_room           => ["hms_legacy_create_room('%s')"],
	legacy_upsert_role           => ["hms_legacy_create_role('t', 'r', '%s', true)"]);
my %elsewhere = map { $_ => 1 } qw(replay_webhook_events send_live_stream_timed_metadata legacy_start_beam);

# What an object of this name, or each object in a map or an array of it, needs beside what is looked at.
my %needed = (
	layers            => { rid => 'f', scaleResolutionDownBy => 1, maxFramerate => 30 },
	sections          => { title => 't', format => 'bullets' },
	resolution        => { width => 1080, height => 720 },
	upload            => { type => 's3', location => 'b', prefix => 'p' },
	upload_info       => { type => 's3', location => 'b' },
	credentials       => { key => 'k', secretKey => 's', secret => 's' },
	webhook           => { url => 'https://h' },
	rtmpDestinations  => { name => 'n' },
	hlsDestinations   => { name => 'n' },
	transcriptions    => { name => 'n', role => 'r' },
	'[]'              => { name => 'n', role => 'r' });

# A body with this value at a path, and with all that the objects around it need; without it when there is no value.
sub body_with
{
	my ($fact, $path, @value) = @_;
	my @parts = split /\./, $path =~ s/(?<=\w)\[\]/.[]/gr;
	my $name  = pop @parts;
	my $node;
	if ($name eq '[]') { $node = $value[0] }
	else
	{
		my $owner = (grep { $_ ne '*' && ($_ ne '[]' || @parts == 1) } @parts)[-1] // '';
		$node = { %{ $needed{$owner} // {} } };
		delete $node->{$name};
		$node->{$name} = $value[0] if @value;
		for (my $i = $#parts; $i >= 0; $i--)
		{
			my $part = $parts[$i];
			if ($part eq '[]') { $node = [$node]; next }
			my $owner = $part eq '*' ? '' : (grep { $_ ne '*' } @parts[0 .. $i - 1])[-1] // '';
			$node = { %{ $needed{$owner} // {} }, ($part eq '*' ? 'some name' : $part) => $node };
		}
	}
	my (undef, %base) = @{ $call{$fact} };
	return ref $node eq 'ARRAY' ? $node : { %base, %$node };
}

# Whether a body is sent or refused.
sub outcome
{
	my ($fact, $body) = @_;
	my $json = encode($body) =~ s/'/''/gr;
	my $error;
	my @seen = $api->during(sub { $error = $session->error('SELECT * FROM ' . sprintf $call{$fact}[0], $json) });
	return @seen == 1 ? 'sent' : @seen == 0 && $error->{state} eq '22023' ? 'refused' : "$error->{state} after " . @seen;
}

# A value of a type and a measure: so large a number, so long a text, so many elements.
sub value_of
{
	my ($path, $type, $measure) = @_;
	my ($name) = $path =~ /(\w+|\[\])$/;
	return $measure if $type =~ /^(?:integer|double precision)$/;
	return 'x' x $measure if $type eq 'text';
	return [map { $name =~ /^rtmp/ ? 'rtmp://h/k' : $needed{$name} } 1 .. $measure];
}

my $bounds = 0;
foreach my $fact (sort keys %facts)
{
	my @bounds = @{ $facts{$fact}{bounds} // [] };
	my @members = @{ $facts{$fact}{needed} // [] };
	next if (!@bounds && !@members) || $elsewhere{$fact};
	ok($call{$fact}, "$fact has a function") or next;
	foreach my $bound (@bounds)
	{
		my ($path, $type, $min, $max) = @$bound;

		# the legacy pages say 1 to 10
		$max = 10 if $fact eq 'legacy_upsert_role' && $path eq 'priority';
		my $step = $type eq 'double precision' ? 0.01 : 1;
		$bounds++;
		foreach my $end ([$min, -$step], [$max, $step])
		{
			my ($at, $beyond) = ($end->[0], defined $end->[0] ? $end->[0] + $end->[1] : undef);
			next if !defined $at;
			is(outcome($fact, body_with($fact, $path, value_of($path, $type, $at))), 'sent', "$fact: $path of $at");
			next if $beyond < 0 && $type !~ /^(?:integer|double precision)$/;
			is(outcome($fact, body_with($fact, $path, value_of($path, $type, $beyond))), 'refused', "$fact: $path of $beyond");
		}
	}
	foreach my $path (@members)
	{
		# required by one page, optional by two
		next if $path =~ /upload\.prefix$/;
		$bounds++;
		is(outcome($fact, body_with($fact, $path, 'bullets')), 'sent',    "$fact: with $path") if $path !~ /DownBy|Framerate/;
		is(outcome($fact, body_with($fact, $path)),            'refused', "$fact: without $path");
		is(outcome($fact, body_with($fact, $path, undef)),     'refused', "$fact: $path null");
		is(outcome($fact, body_with($fact, $path, '')),        'refused', "$fact: $path empty");
	}
}
cmp_ok($bounds, '>', 100, 'the documentation has bounds');

$session->quit;
done_testing;
