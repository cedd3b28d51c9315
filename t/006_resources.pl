# What a backend holds on to: memory that does not depend on the length of a list, and no handle, socket or buffer of a
# query that is over, however it ended.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api);
$api->load(room_id => 'long', events => 20_000);
$api->load(room_id => 'short', events => 300, sessions => 300, peers => 5);

# A backend that has made its first calls: library, TLS and caches are there.
sub warm
{
	my $session = $db->session;
	$session->value("SELECT count(*) FROM hms_track_events('short')") foreach 1 .. 3;
	$session->value("SELECT count(hms_auth_token('r', 'x'))");
	return $session;
}

# Runs code in a warm backend and compares what it holds before and after, in kB and descriptors.
sub holds
{
	my ($name, $allowed, $code) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $session = warm();
	$code->($session, 1);
	my ($memory, $fds) = ($session->memory('RssAnon'), $session->fds);
	$code->($session, 2);
	my $grown = $session->memory('RssAnon') - $memory;
	cmp_ok($grown, '<=', $allowed, "$name: $grown kB more");
	is($session->fds, $fds, "$name: as many descriptors");
	is($session->value("SELECT count(*) FROM hms_track_events('short')"), 300, "$name: the backend goes on");
	$session->quit;
	return;
}

# A long list takes no more memory than a short one.
foreach my $query ("SELECT count(*) FROM hms_track_events('long')", "SELECT count(*), count(DISTINCT user_id) FROM hms_track_events('long')",
	"SELECT count(*) FROM hms_track_events(ARRAY['long', 'short'])", "SELECT count(*) FROM hms_api_list('/analytics/events', '{\"room_id\": \"long\"}')")
{
	my $session = warm();
	my $before  = $session->memory('VmHWM');
	my ($count) = split /\|/, $session->value($query);
	cmp_ok($count, '>=', 20_000, "all events: $query");
	my $grown = $session->memory('VmHWM') - $before;
	cmp_ok($grown, '<=', 16 * 1024, "memory at its highest grew by $grown kB: $query");
	$session->quit;
}

# Walks that are left before their end.
holds('LIMIT', 1024, sub { $_[0]->value("SELECT count(*) FROM generate_series(1, 200) g, LATERAL (SELECT id FROM hms_track_events('long' || left('', g)) LIMIT 1) e") });
holds('EXISTS', 1024, sub { $_[0]->value("SELECT count(*) FROM generate_series(1, 200) g WHERE EXISTS (SELECT FROM hms_track_events('long' || left('', g)))") });
holds('a cursor closed early', 1024, sub {
	my ($session) = @_;
	$session->value(join ';', 'BEGIN', (map { ("DECLARE c CURSOR FOR SELECT id FROM hms_track_events('long')", 'FETCH 5 FROM c', 'CLOSE c') } 1 .. 50), 'COMMIT');
});
holds('cursors open at commit', 2048, sub {
	my ($session) = @_;
	$session->value(join ';', 'BEGIN', (map { ("DECLARE c$_ CURSOR FOR SELECT id FROM hms_track_events('long')", "FETCH 5 FROM c$_") } 1 .. 20), 'COMMIT');
});
holds('rollback to a savepoint', 1024, sub {
	my ($session) = @_;
	$session->value(join ';', 'BEGIN',
		(map { ('SAVEPOINT s', "DECLARE c CURSOR FOR SELECT id FROM hms_track_events('long')", 'FETCH 5 FROM c', 'ROLLBACK TO s') } 1 .. 50), 'ROLLBACK');
});
holds('an error in the middle of a walk', 1024, sub {
	my ($session) = @_;
	$session->ask("SELECT 1 / (150 - row_number() OVER ()) FROM hms_track_events('long')") foreach 1 .. 30;
});
holds('several walks at once', 2048, sub {
	my ($session) = @_;
	$session->value("SELECT count(*) FROM (SELECT FROM hms_track_events('short') a, hms_track_events('short') b, hms_sessions('short') c LIMIT 10) q") foreach 1 .. 30;
});

# A loop of failures in one transaction.
my $loop = sub {
	my ($call, $times) = @_;
	return "DO \$\$ BEGIN FOR i IN 1 .. $times LOOP BEGIN PERFORM $call; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END \$\$";
};
holds('1,000 failures in an exception loop', 2048, sub {
	my ($session) = @_;
	$api->faults({ status => 400, times => 0 });
	$session->value($loop->('count(*) FROM hms_rooms()', 1000));
	$api->faults;
});
foreach my $fault ({ truncate => 50, times => 0 }, { reset => true, times => 0 }, { raw_body => '{"data": [', times => 0 },
	{ path => 'events', after => 1, status => 400, times => 0 })
{
	holds('200 failures of another kind: ' . encode($fault), 2048, sub {
		my ($session) = @_;
		$session->value('SET hms.retries = 0');
		$api->faults($fault);
		$session->value($loop->("count(*) FROM hms_track_events('long')", 200));
		$api->faults;
	});
}
{
	my $session = warm();
	my $fds     = $session->fds;
	foreach (1 .. 20)
	{
		$api->faults({ stall => true, times => 1 });
		$session->ask("SET statement_timeout = '20ms'; SELECT count(*) FROM hms_rooms()");
	}
	$session->value('SET statement_timeout = 0; SELECT count(*) FROM hms_rooms()');
	cmp_ok($session->fds, '<=', $fds + 1, 'twenty timeouts leave no descriptors');
	$session->quit;
}

# Many calls.
holds('20,000 tokens', 1024, sub { $_[0]->value("SELECT count(hms_auth_token('room', 'role', 'user' || i)) FROM generate_series(1, 20000) i") });
holds('2,000 verified tokens', 1024, sub {
	$_[0]->value("SELECT count(hms_verify_token(hms_auth_token('room', 'role', 'user' || i))) FROM generate_series(1, 2000) i") });
holds('2,000 calls', 1024, sub { $_[0]->value("SELECT count(hms_api_get('/sessions', jsonb_build_object('limit', 10, 'room_id', i))) FROM generate_series(1, 2000) i") });

# And over one connection.
{
	my $session = warm();
	my @seen    = $api->during(sub { $session->value("SELECT count(hms_api_get('/sessions', jsonb_build_object('room_id', i))) FROM generate_series(1, 100) i") });
	is(scalar @seen, 100, 'a hundred calls');
	is(keys %{ { map { $_->{connection} => 1 } @seen } }, 1, 'over one connection');
	$session->quit;
}

done_testing();
