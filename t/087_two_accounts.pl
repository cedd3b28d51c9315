# Several accounts in one statement: tables of two servers joined, a view over three, and whose mapping a scan has.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use Test::More;

my %api = map { $_ => Hms::Api->launch('access-key' => "$_-key", secret => "the-secret-of-$_") } qw(main north south);
my $db  = Hms::Db->launch($api{main}, 'hms.retries' => 0);
my @now = map { sprintf '2026-01-01T%02d:00:00.000Z', $_ } 0 .. 23;

# Each account has a room of the same id, which is known by its name, and one of its own.
foreach my $name (sort keys %api)
{
	$api{$name}->add(
		rooms    => [ { id => 'shared', name => "shared of $name" }, { id => "only-$name", name => "only $name" } ],
		sessions => [ map { { id => "s$_-$name", room_id => 'shared', active => false, peers => {}, created_at => $now[$_] } } 0 .. 9 ]);
}
my $invoker = $db->value('SHOW server_version_num') >= 150000 ? 'WITH (security_invoker)' : '';    # from PostgreSQL 15
$db->value(qq{CREATE ROLE app LOGIN; CREATE ROLE viewer LOGIN;
	CREATE SERVER north FOREIGN DATA WRAPPER hms OPTIONS (api_url '$api{north}{url}');
	CREATE SERVER south FOREIGN DATA WRAPPER hms OPTIONS (api_url '$api{south}{url}');
	CREATE SCHEMA main; IMPORT FOREIGN SCHEMA api LIMIT TO (rooms, sessions) FROM SERVER hms INTO main;
	CREATE SCHEMA north; IMPORT FOREIGN SCHEMA api LIMIT TO (rooms, sessions) FROM SERVER north INTO north;
	CREATE SCHEMA south; IMPORT FOREIGN SCHEMA api LIMIT TO (rooms, sessions) FROM SERVER south INTO south;
	CREATE VIEW everywhere AS SELECT 'main' AS account, * FROM main.rooms UNION ALL SELECT 'north', * FROM north.rooms UNION ALL SELECT 'south', * FROM south.rooms;
	CREATE VIEW of_callers $invoker AS SELECT * FROM north.rooms;
	CREATE VIEW of_app AS SELECT * FROM north.rooms; ALTER VIEW of_app OWNER TO app;
	GRANT USAGE ON SCHEMA main, north, south TO app, viewer; GRANT SELECT ON ALL TABLES IN SCHEMA main, north, south TO app;
	GRANT SELECT ON everywhere, of_callers, of_app, north.rooms TO viewer;
	CREATE USER MAPPING FOR app SERVER north OPTIONS (access_key 'north-key', secret 'the-secret-of-north');
	CREATE USER MAPPING FOR postgres SERVER north OPTIONS (access_key 'north-key', secret 'the-secret-of-north');
	CREATE USER MAPPING FOR PUBLIC SERVER south OPTIONS (access_key 'south-key', secret 'the-secret-of-south')});
my $app    = $db->session(user => 'app');
my $viewer = $db->session(user => 'viewer');

# Runs a query; every account must see its own key only.
sub answers
{
	my ($session, $sql, $want, $name) = @_;
	$_->clear foreach values %api;
	my ($out, $err) = $session->ask($sql);
	is($out, $want, $name) or diag $err;
	foreach my $account (sort keys %api)
	{
		is_deeply([ grep { ($_->{claims}{access_key} // '') ne "$account-key" } $api{$account}->log ], [], "$name: $account sees its own tokens");
	}
	return;
}

answers($app, q{SELECT n.name || ' ' || s.name FROM north.rooms n JOIN south.rooms s USING (id) WHERE id = 'shared'}, 'shared of north shared of south', 'a join of two servers');
answers($app, q{SELECT string_agg(n.id || '=' || s.id, ' ' ORDER BY n.created_at) FROM north.sessions n JOIN south.sessions s ON s.room_id = n.room_id AND s.created_at = n.created_at WHERE n.room_id = 'shared' AND n.created_at < '2026-01-01 02:00+00'},
	's0-north=s0-south s1-north=s1-south', 'on more than an id');
answers($app, q{SELECT string_agg(account || ' ' || name, ', ' ORDER BY account) FROM (SELECT 'main' AS account, * FROM main.rooms UNION ALL SELECT 'north', * FROM north.rooms UNION ALL SELECT 'south', * FROM south.rooms) AS r WHERE id = 'shared'},
	'main shared of main, north shared of north, south shared of south', 'three accounts in one list');
answers($app, q{SELECT r.name || ' ' || count(*) FROM south.rooms r JOIN hms_sessions('shared') s ON s.room_id = r.id GROUP BY r.name}, '', 'functions still ask for EXECUTE');
$db->value(q{SELECT hms_grant('app', 'read'); GRANT USAGE ON FOREIGN SERVER north TO app});
answers($app, q{SET hms.server = 'north'; SELECT r.name || ' ' || min(s.id) FROM south.rooms r JOIN hms_sessions('shared') s ON s.room_id = r.id GROUP BY r.name; RESET hms.server}, 'shared of south s0-north', 'tables by their server, functions by hms.server');
answers($app, q{BEGIN; DECLARE n CURSOR FOR SELECT name FROM north.rooms WHERE id = 'shared'; DECLARE s CURSOR FOR SELECT name FROM south.rooms WHERE id = 'shared'; FETCH n; FETCH s; COMMIT}, "shared of north\nshared of south", 'two cursors side by side');

# Whose mapping: that of whom the scan runs as.
answers($viewer, q{SELECT string_agg(account || ' ' || name, ', ' ORDER BY account) FROM everywhere WHERE id = 'shared'},
	'main shared of main, north shared of north, south shared of south', "a view over three has its owner's");
answers($viewer, q{SELECT name FROM of_app WHERE id = 'shared'}, 'shared of north', 'a view of app too');
SKIP:
{
	skip 'security_invoker is from PostgreSQL 15', 1 unless $invoker;
	is($viewer->error('SELECT name FROM of_callers')->{state}, '42704', "with security_invoker it is the caller's, who has none");
}
is($viewer->error('SELECT name FROM north.rooms')->{state}, '42704', 'nor by the table itself');
$db->value(q{CREATE USER MAPPING FOR viewer SERVER north OPTIONS (access_key 'north-key', secret 'the-secret-of-north')});
answers($viewer, q{SELECT name FROM of_callers WHERE id = 'shared'}, 'shared of north', 'with one it is his');
$db->value('DROP USER MAPPING FOR app SERVER north');
is($viewer->error('SELECT name FROM of_app')->{state}, '42704', 'a view whose owner has lost his mapping says so');
is($viewer->error("SET hms.server = 'south'; SELECT name FROM of_app")->{state}, '42704', 'whatever hms.server is');

$_->quit foreach $app, $viewer;
done_testing();
