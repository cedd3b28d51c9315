# How well it worked: hms_quality and hms_error_summary, each row worked out again in Perl from what the API holds.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use List::Util qw(max min sum uniq);
use Test::More;

my $api   = Hms::Api->launch;
my $db    = Hms::Db->launch($api, jit => 'off');
my $world = $api->world;

# As percentile_cont has it: between two values in proportion.
sub percentile
{
	my ($part, @values) = @_;
	return undef if !@values;
	@values = sort { $a <=> $b } @values;
	my $place = $part * $#values;
	my $low   = int $place;
	return $values[$low] + ($values[min($low + 1, $#values)] - $values[$low]) * ($place - $low);
}

# The recorder is a peer too, and one peer has no statistics: both are told in a session of our own.
my ($session) = sort { $a->{id} cmp $b->{id} } grep { !$_->{active} && keys %{ $_->{peers} // {} } > 3 } @{ $world->{sessions} };
my @peers = sort { $a->{joined_at} cmp $b->{joined_at} || $a->{id} cmp $b->{id} } values %{ $session->{peers} };
{
	my $rows = $db->rows("SELECT * FROM hms_quality('$session->{id}')");
	is(join(' ', map { "$_->{peer_id}/$_->{direction}" } @$rows), join(' ', map { ("$_->{id}/publish", "$_->{id}/subscribe") } @peers),
		'two rows a peer, in order of joining');
	my @seen = $api->during(sub { $db->value("SELECT count(*) FROM hms_quality('$session->{id}')") });
	is(scalar @seen, 1 + @peers, 'a request for the session and one a peer');

	my ($compared, @wrong) = (0);
	foreach my $row (@$rows)
	{
		my ($peer) = grep { $_->{id} eq $row->{peer_id} } @peers;
		my $side = $row->{direction} eq 'publish' ? 'publisher' : 'subscriber';
		my $stats = $db->rows("SELECT * FROM hms_peer_quality_stats('$session->{id}', '$peer->{id}') WHERE side = '$side'");
		my %measure = (loss => 'packet_loss_percent', rtt => 'rtt_ms', jitter => 'jitter_ms', bitrate => 'bitrate');
		my %expected = (room_id => $session->{room_id}, session_id => $session->{id}, user_id => $peer->{user_id}, name => $peer->{name}, samples => scalar @$stats);
		foreach my $name (keys %measure)
		{
			my @values = grep { defined } map { $_->{ $measure{$name} } } @$stats;
			$expected{"${name}_p50"} = percentile(0.5, @values);
			$expected{"${name}_p95"} = percentile(0.95, @values);
		}
		my @freezes = grep { defined } map { $_->{freeze_count} } @$stats;
		$expected{freezes} = @freezes ? sprintf('%.0f', sum @freezes) : undef;
		foreach my $name (sort keys %expected)
		{
			my ($got, $wanted) = ($row->{$name}, $expected{$name});
			$compared++ if defined $wanted;
			push @wrong, "$row->{peer_id} $row->{direction} $name: " . ($got // 'NULL') . ', not ' . ($wanted // 'NULL')
			  unless defined $got ? defined $wanted && ($name =~ /_p/ ? abs($got - $wanted) < 1e-6 * (1 + abs $wanted) : $got eq $wanted) : !defined $wanted;
		}
	}
	is_deeply(\@wrong, [], 'percentiles by direction over audio and video together');
	cmp_ok($compared, '>', 50, "$compared figures compared");
	is($db->value("SELECT count(*) FROM hms_quality('$session->{id}') WHERE rtt_p50 IS NULL AND direction = 'subscribe'"), scalar @peers, 'NULL where a direction has none of a kind');
}
{
	my $at = '2026-01-05T10:00:00Z';
	$api->add(sessions => [ map { { id => $_, room_id => 'a-room', active => $_ eq 'on', created_at => $at, updated_at => $at,
		peers => { p => { id => 'p', session_id => $_, user_id => 'u', name => 'U', role => 'host', joined_at => $at },
			bot => { id => 'bot', session_id => $_, user_id => 'b', name => 'B', role => '__internal_recorder', joined_at => $at } } } } qw(over on) ]);
	my @seen = $api->during(sub {
		is($db->value("SELECT string_agg(concat_ws('|', user_id, direction, samples, loss_p50, freezes), ', ') FROM hms_quality('on')"), 'u|publish|0, u|subscribe|0', 'while it is on there are no samples; a recorder is no person') });
	is(scalar @seen, 2, 'nor asked about');
	is($db->value("SET hms.bot_roles = 'host'; SELECT string_agg(DISTINCT user_id, ',') FROM hms_quality('over')"), 'b', 'hms.bot_roles says who is none');
}
is($db->value("SELECT count(*) FROM hms_quality('no-such-session')"), 0, 'a session that is not there');

# Errors, by Perl from the world's events.
my %names = map { $_->{id} => $_->{name} } @{ $world->{rooms} };
my @events = grep { $_->{type} =~ /^client\./ } @{ $world->{events} };
my ($room) = sort { $b->[1] <=> $a->[1] || $a->[0] cmp $b->[0] } map { my $id = $_; [ $id, scalar grep { $_->{data}{room_id} eq $id } @events ] } uniq map { $_->{data}{room_id} } @events;
$room = $room->[0];
{
	# another client, another user of no id, a recorder's, one without an agent
	my ($model) = sort { $a->{id} cmp $b->{id} } grep { $_->{data}{room_id} eq $room } @events;
	my $number = 0;
	my $like = sub {
		my ($change) = @_;
		my $event = decode_copy($model);
		$event->{id} = 'added-' . ++$number;
		$change->($event, $event->{data});
		return $event;
	};
	my @added = (
		$like->(sub { $_[1]{agent} = { sdk => 'ios', sdk_version => '1.0', os => 'iOS', os_version => '17.2' } }),
		$like->(sub { delete $_[1]{agent} }),
		$like->(sub { $_[1]{agent} = { sdk => 'web', os => '' } }),
		$like->(sub { @{ $_[1] }{qw(user_id user_name)} = ('', $_[1]{user_id}) }),
		$like->(sub { $_[1]{role} = '__internal_recorder'; $_[1]{error_code} = 99 }));
	$api->add(events => \@added);
	push @events, @added;
}
sub decode_copy { return Hms::decode(Hms::encode($_[0])) }

sub expected_errors
{
	my ($keep) = @_;
	my %row;
	foreach my $event (grep { $_->{data}{room_id} eq $room && $keep->($_) && ($_->{data}{role} // '') ne '__internal_recorder' } @events)
	{
		my $data  = $event->{data};
		my $agent = $data->{agent} // {};
		my @words = map { my $kind = $_; join(' ', grep { length } map { $agent->{$_} // '' } $kind, "${kind}_version") } qw(sdk os);
		my $key   = join '|', $event->{type}, $data->{error_code}, $data->{error_name}, @words;
		$row{$key}{errors}++;
		$row{$key}{users}{ length($data->{user_id} // '') ? "user_id $data->{user_id}" : length($data->{user_name} // '') ? "name $data->{user_name}" : $data->{peer_id} } = 1;
		push @{ $row{$key}{at} }, 0 + $db->value("SELECT extract(epoch FROM '$event->{timestamp}'::timestamptz)");
	}
	return { map { $_ => [ $row{$_}{errors}, scalar keys %{ $row{$_}{users} }, min(@{ $row{$_}{at} }), max(@{ $row{$_}{at} }) ] } keys %row };
}

sub told_errors
{
	my ($arguments) = @_;
	my $rows = $db->rows("SELECT *, extract(epoch FROM first_at) AS first, extract(epoch FROM last_at) AS last FROM hms_error_summary($arguments)");
	return { map { join('|', $_->{type}, $_->{error_code}, $_->{error_name}, $_->{client} // '', $_->{system} // '') => [ $_->{errors}, $_->{users}, 0 + $_->{first}, 0 + $_->{last} ] } @$rows };
}
{
	my $all = expected_errors(sub { 1 });
	cmp_ok(scalar keys %$all, '>=', 4, 'there are errors of several kinds');
	is_deeply(told_errors("'$room'"), $all, 'a row an error code, client and system');
	is_deeply(told_errors("ARRAY['$room', '$room']"), $all, 'of several rooms too, each once');
	my @times = sort map { $_->{timestamp} } grep { $_->{data}{room_id} eq $room } @events;
	my $middle = $times[ @times / 2 ];
	is_deeply(told_errors("'$room', after => '$middle'"), expected_errors(sub { $_[0]{timestamp} ge $middle }), 'after');
	is_deeply(told_errors("'$room', before => '$middle'"), expected_errors(sub { $_[0]{timestamp} le $middle }), 'before');
	is($db->value("SELECT count(*) FROM hms_error_summary('$room') WHERE error_code = 99"), 0, "a recorder's errors are nobody's");
	is($db->value("SET hms.bot_roles = ''; SELECT errors FROM hms_error_summary('$room') WHERE error_code = 99"), 1, 'unless hms.bot_roles says so');
	is($db->value("SELECT array_agg(errors) = array_agg(errors ORDER BY errors DESC) FROM hms_error_summary('$room')"), 't', 'most frequent first');
}

# EXECUTE on the report is enough.
$db->value('CREATE ROLE reporter; GRANT EXECUTE ON FUNCTION hms_quality, hms_error_summary(text, timestamptz, timestamptz) TO reporter');
is($db->value("SET ROLE reporter; SELECT count(*) > 0 FROM hms_quality('$session->{id}')"), 't', 'EXECUTE on hms_quality is enough');
is($db->value("SET ROLE reporter; SELECT count(*) > 0 FROM hms_error_summary('$room')"), 't', 'and on hms_error_summary');
is($db->error("SET ROLE reporter; SELECT * FROM $_")->{state}, '42501', "and opens nothing else: $_")
  foreach "hms_peer_quality_stats('$session->{id}', '$peers[0]{id}')", "hms_error_events('$room')", "hms_error_summary(ARRAY['$room'])";

done_testing();
