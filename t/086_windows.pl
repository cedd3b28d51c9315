# A long list that is read to its end is walked in windows of time by several connections: the rows and their order are
# those of the list, whatever its history looks like and whatever the server makes of the filter.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use Encode qw(encode_utf8);
use Hms;
use POSIX qw(floor strftime);
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, 'hms.page_size' => 10, jit => 'off');
my $session = $db->session;
my $rooms   = 0;

# A time as the API shows it: seconds since 1970, and further digits.
sub stamp
{
	my ($at, $digits) = @_;
	$digits //= 3;
	my $whole = floor($at);
	my $rest  = int(($at - $whole) * 10**$digits + 0.5);
	($whole, $rest) = ($whole + 1, 0) if $rest >= 10**$digits;
	return strftime('%Y-%m-%dT%H:%M:%S', gmtime $whole) . sprintf(".%0${digits}dZ", $rest);
}

# A room with a session at each of these times; a reference: it does not say so, but stands there; undef: at the end.
my %truth;
sub room_of
{
	my ($digits, @times) = @_;
	my $room = 'windows-' . ++$rooms;
	my $n    = 0;
	my @made = map { $n++; { id => sprintf('%s-%05d', $room, $n), room_id => $room, active => false, peers => { "peer-$room-$n" => { id => "peer-$room-$n", name => "n$n", joined_at => '2026-01-01T00:00:00Z' } },
		ref $_ ? (placed_at => stamp($$_, $digits)) : defined $_ ? (created_at => stamp($_, $digits), updated_at => stamp($_ + 60, $digits)) : () } } @times;
	add_sessions($room, @made);
	return $room;
}

# Adds sessions, and notes their ids in the order of the list: newest first.
sub add_sessions
{
	my ($room, @made) = @_;
	$api->add(sessions => \@made);
	my $place = sub { $_[0]{created_at} // $_[0]{placed_at} // '' };
	$truth{$room} = join ',', map { $_->{id} } sort { $place->($b) cmp $place->($a) || $b->{id} cmp $a->{id} } @made;
	return;
}

my $all = sub { my ($room, $more) = @_; return "SELECT string_agg(id, ',') FROM (SELECT id FROM hms_sessions('$room'" . ($more // '') . ') OFFSET 0) AS s' };

# Reads all of a room; returns the requests.
sub reads_all
{
	my ($room, $name, $more, $want) = @_;
	$want //= $truth{$room};
	my @seen = $api->during(sub {
		my $got = $session->value($all->($room, $more));
		is($got, $want, "$name: every row once and in order") or diag $session->value($all->($room, $more) =~ s/string_agg\(id, ','\)/count(*) || ' rows, ' || count(DISTINCT id) || ' of them different'/r);
	});
	return @seen;
}

my $now  = time() - 86400;
my $day  = 86400;
my %long = (
	'even times'                   => [ 3, map { $now - $_ * 3600 } 1 .. 600 ],
	'all in one second'            => [ 3, map { $now + $_ / 1000 } 1 .. 600 ],
	'ten to a millisecond'         => [ 3, map { $now + int($_ / 10) / 1000 } 1 .. 600 ],
	'all in one millisecond'       => [ 3, map { $now } 1 .. 120 ],
	'gaps of months'               => [ 3, map { my $m = $_; map { $now - $m * 90 * $day - $_ * 61 } 1 .. 60 } 0 .. 8 ],
	'ever denser'                  => [ 3, map { $now - 400 * $day * exp(-$_ / 60) } 1 .. 600 ],
	'ever sparser'                 => [ 3, map { $now - exp($_ / 40) } 1 .. 600 ],
	'a few old ones'               => [ 3, (map { $now - $_ * 60 } 1 .. 300), map { $now - $_ * 500 * $day } 1 .. 5 ],
	'times between milliseconds'   => [ 6, map { $now - $_ * 0.00037 } 1 .. 600 ],
	'a thousand at the border'     => [ 3, (map { $now } 1 .. 205), (map { $now - 1 } 1 .. 100), map { $now - 2 - $_ } 1 .. 200 ],
	'some without a time'          => [ 3, (map { $now - $_ * 3600 } 1 .. 300), (undef) x 25 ],
	'old ones without a time'      => [ 3, map { my $at = $now - $_ * 3600; $_ > 100 && $_ % 7 == 0 ? \$at : $at } 1 .. 600 ],
	'of one time, old ones without' => [ 3, map { my $at = $now - int($_ / 25) * 3600; $_ > 100 && $_ % 3 == 0 ? \$at : $at } 1 .. 600 ]);
my %room;
foreach my $name (sort keys %long)
{
	my $room  = $room{$name} = room_of(@{ $long{$name} });
	my $count = @{ $long{$name} } - 1;
	my @seen  = reads_all($room, $name);
	# in the stand-in each window begins with all newer rows that have no time
	cmp_ok(scalar @seen, '<=', ($name =~ /old ones without/ ? 2 : 1.35) * $count / 10 + 10, "$name: by hardly more requests than pages") or diag scalar @seen;
	if ($name !~ /one millisecond/)
	{
		cmp_ok(scalar(grep { $_->{query} =~ /before=/ } @seen), '>', $count / 10 / 3, "$name: the most of them in windows");
		my %windows = map { (query_of($_->{query})->{before}[0] // '') => 1 } @seen;
		cmp_ok(scalar keys %windows, '>=', 4, "$name: several windows");
	}
}

# What a filter of time makes of a row that has none, nobody knows: where one is seen before it was used, it is not used.
{
	my %timeless = (
		'every seventh without a time' => [ 3, map { my $at = $now - $_ * 3600; $_ % 7 == 0 ? \$at : $at } 1 .. 300 ],
		'the newest without a time'    => [ 3, (map { my $at = $now + $_; \$at } 1 .. 25), map { $now - $_ * 3600 } 1 .. 300 ],
		'all without a time'           => [ 3, map { my $at = $now - $_ * 3600; \$at } 1 .. 100 ],
		'of one time or of none'       => [ 3, map { my $at = $now - int($_ / 25) * 3600; $_ % 3 == 0 ? \$at : $at } 1 .. 300 ]);
	foreach my $name (sort keys %timeless)
	{
		my $room = room_of(@{ $timeless{$name} });
		foreach my $how (undef, 'timeless', 'ignored')
		{
			$api->misread_before($how);
			my @seen = reads_all($room, $name . ($how ? ", before is $how" : ''));
			cmp_ok(scalar @seen, '<=', 45, "$name: by hardly more requests than pages") or diag scalar @seen;
		}
		$api->misread_before(undef);
	}
}

my $even = $room{'even times'};
is($session->value("SET hms.max_connections = 1; " . $all->($even)), $truth{$even}, 'one connection reads the same');
is(scalar(grep { $_->{query} =~ /before=/ } $api->during(sub { $session->value($all->($even)) })), 0, 'one page after the other');
$session->value('RESET hms.max_connections');
{
	my %connections = map { $_->{connection} => 1 } $api->during(sub { $session->value($all->($even)) });
	is(scalar keys %connections, 8, 'else hms.max_connections of them work, and no more');
}

like($session->value("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) SELECT count(*) FROM hms_sessions('$even')"), qr/Windows: \d+/, 'EXPLAIN shows the windows');

# What costs what it has cost.
{
	my $few = sub { my ($rows) = @_; return room_of(3, map { $now - $_ * 3600 } 1 .. $rows) };
	is(scalar reads_all($few->(9), 'a short page'), 1, 'one request');
	is(scalar reads_all($few->(19), 'two pages'), 2, 'two');
	cmp_ok(scalar reads_all($few->(29), 'three pages'), '<=', 4, 'the check of the border is one page at most');
	cmp_ok(scalar reads_all($few->(39), 'four pages'), '<=', 7, 'and a look how long the list is another');
	$session->costs($api, 'LIMIT', "SELECT count(*) FROM (SELECT FROM hms_sessions('$even') LIMIT 25) AS s", 25, 3);
	$session->costs($api, 'EXISTS', "SELECT EXISTS (SELECT FROM hms_sessions('$even'))", 't', 1);
	$session->value("BEGIN; DECLARE c CURSOR FOR SELECT id FROM hms_sessions('$even')");
	is(scalar($api->during(sub { $session->value('MOVE 30 FROM c') })), 3, 'a cursor');
	$session->value('ROLLBACK');
}

# The query's own bounds stay.
{
	my @ids    = split /,/, $truth{$even};
	my ($from, $to) = map { stamp($now - $_ * 3600) } 500, 100;
	reads_all($even, 'after and before', ", after => '$from', before => '$to'", join ',', @ids[ 99 .. 499 ]);
	my @seen = reads_all($even, 'after', ", after => '$from'", join ',', @ids[ 0 .. 499 ]);
	is(scalar(grep { $_->{query} !~ /after=/ } @seen), 0, 'is asked for in every window');
	reads_all($even, 'active', ', active => false', join ',', @ids);
	reads_all($even, 'none', ", after => '2030-01-01'", '');
}

# Other lists with a filter of time.
is($session->value("SELECT string_agg(session_id, ',') FROM (SELECT session_id FROM hms_session_peers('$even') OFFSET 0) AS p"), $truth{$even}, 'peers of sessions');
is($session->value("SELECT count(*) || ' ' || count(DISTINCT session_id) FROM hms_session_usage('$even')"), '600 600', 'and the reports made of them');
{
	my $want = join ',', map { $_->{id} } @{ $api->world->{sessions} };
	is($session->value("SELECT string_agg(id, ',') FROM (SELECT id FROM hms_sessions() OFFSET 0) AS s"), $want, 'all sessions of the account');
	$api->add(rooms => [ map { { id => "made-$_", name => "made $_", created_at => stamp($now - $_ * 7777) } } 1 .. 300 ]);
	$want = join ',', map { $_->{id} } @{ $api->world->{rooms} };
	is($session->value("SELECT string_agg(id, ',') FROM (SELECT id FROM hms_rooms() OFFSET 0) AS s"), $want, 'all rooms');
}
{
	my $joined = $session->value("SELECT string_agg(s.id, ',') FROM hms_sessions('$even') AS s WHERE s.id IN (SELECT '$even-' || lpad(g::text, 5, '0') FROM generate_series(1, 600) AS g)");
	is(join(',', sort split /,/, $joined), join(',', sort split /,/, $truth{$even}), 'where the rest is read after the first row');
}

# Nasty cursors: ids that need encoding, and long ones.
{
	my $room = 'windows-nasty';
	my @made = map { { id => "ä&start=x #?/%2B+ \"\\$_" . 'x' x 500, room_id => $room, active => false, peers => {}, created_at => stamp($now - $_ * 3600) } } 1 .. 300;
	add_sessions($room, @made);
	reads_all($room, 'nasty cursors', '', encode_utf8($truth{$room}));
}

# A filter that is not what the documents say loses and doubles nothing; if it can't be used, that costs little.
my %misread = (ignored => 80, exclusive => 90, empty => 80, seconds => 90, earlier => 80, later => 80, refused => 80);
foreach my $how (sort keys %misread)
{
	foreach my $name ('even times', 'all in one second', 'gaps of months', 'ten to a millisecond')
	{
		$api->misread_before($how);
		my @seen = reads_all($room{$name}, "before is $how, $name");
		cmp_ok(scalar @seen, '<=', $misread{$how}, "before is $how, $name: few requests more") or diag scalar @seen;
		$api->misread_before(undef);
	}
}

# One that goes wrong only further back is noticed at the next border.
{
	my $room = $even;
	$api->faults({ path => '/sessions$', delay => 0.02, times => 0 });
	$session->begin($all->($room));
	select undef, undef, undef, 0.25;
	$api->misread_before('earlier');
	my ($out, $err) = $session->finish;
	is($out, $truth{$room}, 'a filter that changes meanwhile loses nothing') or diag $err;
	$api->misread_before(undef);
	$api->faults;
}

# Sessions that begin meanwhile are newer than what was read.
{
	my $room = room_of(@{ $long{'even times'} });
	my $want = $truth{$room};
	$api->faults({ path => '/sessions$', delay => 0.05, times => 0 });
	$session->begin($all->($room));
	foreach my $n (1 .. 10)
	{
		select undef, undef, undef, 0.04;
		$api->add(sessions => [ map { { id => "$room-new-$n-$_", room_id => $room, active => true, peers => {}, created_at => stamp($now + $n) } } 1 .. 3 ]);
	}
	my ($out, $err) = $session->finish;
	my @got = split /,/, $out;
	is(join(',', grep { !/new/ } @got), $want, 'sessions that are added meanwhile move no other') or diag $err;
	is(scalar(keys %{ { map { $_ => 1 } @got } }), scalar @got, 'nor are there any twice');
	$api->faults;
}

# A server that wants less: it is asked for less at a time, and all is read.
{
	my $room = $even;
	$api->faults({ path => '/sessions$', status => 429, headers => { 'Retry-After' => '0' }, after => 20, times => 8 });
	reads_all($room, '429');
	$api->faults({ path => '/sessions$', status => 429, headers => { 'Retry-After' => '0' }, times => 0 });
	is($session->error($all->($room))->{state}, 'MS429', 'one that never stops is an error');
	$api->faults({ path => '/sessions$', status => 500, after => 20, times => 0 });
	is($session->error('SET hms.retries = 0; ' . $all->($room))->{state}, 'MS500', 'a window that fails fails the statement');
	$api->faults({ path => '/sessions$', raw_body => '{"data": 7}', after => 20, times => 0 });
	is($session->error($all->($room))->{state}, '08P01', 'one that is no page too');
	$api->faults({ path => '/sessions$', repeat_cursor => true, after => 20, times => 0 });
	is($session->error($all->($room))->{state}, '08P01', 'and one whose cursors repeat');
	$api->faults({ path => '/sessions$', stall => true, after => 20, times => 0 });
	is($session->error("SET statement_timeout = '500ms'; " . $all->($room))->{state}, '57014', 'a timeout ends all of them');
	$session->value('RESET statement_timeout; RESET hms.retries');
	$api->faults;
	reads_all($room, 'and afterwards');
}

$session->quit;
done_testing();
