# Mirrors of three accounts in one database: each in step with its own, whatever hms.server says; webhooks of each by its own
# proof; and a caller who has no mapping.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(hmac_sha256_hex);
use Hms;
use Test::More;

my @names = qw(main north south);
my %api = map { $_ => Hms::Api->launch('access-key' => "$_-key", secret => "the-secret-of-$_") } @names;
my $db  = Hms::Db->launch($api{main}, 'hms.retries' => 0);

# The accounts have things of the same ids, known by their names, and as many more as their place in the list.
my $at = '2026-01-01T00:00:00.000Z';
foreach my $n (0 .. 2)
{
	my $name = $names[$n];
	my $session = sub { my ($id) = @_; return { id => $id, room_id => 'shared', active => false, created_at => $at, updated_at => $at,
		peers => { p => { id => 'p', session_id => $id, name => "peer of $name", role => 'host', joined_at => $at, left_at => $at } } } };
	$api{$name}->add(rooms => [ { id => 'shared', name => "room of $name", enabled => true, created_at => $at } ],
		sessions => [ $session->('same'), map { $session->("$name-$_") } 1 .. $n ]);
}
$db->value(qq{CREATE ROLE owner; SELECT hms_grant('owner', 'read'); GRANT EXECUTE ON FUNCTION hms_receive_webhook TO owner;
	CREATE SERVER north FOREIGN DATA WRAPPER hms OPTIONS (api_url '$api{north}{url}');
	CREATE SERVER south FOREIGN DATA WRAPPER hms OPTIONS (api_url '$api{south}{url}');
	CREATE USER MAPPING FOR postgres SERVER north OPTIONS (access_key 'north-key', secret 'the-secret-of-north');
	CREATE USER MAPPING FOR postgres SERVER south OPTIONS (access_key 'south-key', secret 'the-secret-of-south');
	CREATE SCHEMA main; CREATE SCHEMA north; CREATE SCHEMA south;
	SELECT hms_create_mirror('main'), hms_create_mirror('north', 'north'); SET hms.server = 'south'; SELECT hms_create_mirror('south')});

# Runs code; each account may see only tokens of its own.
sub own_tokens
{
	my ($code, $name) = @_;
	$_->clear foreach values %api;
	$code->();
	is_deeply([ map { my $account = $_; grep { ($_->{claims}{access_key} // '') ne "$account-key" } $api{$account}->log } @names ], [], "$name: each account sees its own tokens");
	return;
}

sub is_in_step
{
	my ($mirror) = @_;
	is($db->value("SET hms.server = 'south'; SELECT coalesce(string_agg(v::text, ' '), '') FROM hms_verify_mirror('$mirror') AS v"), '', "$mirror is in step with its account");
	is($db->value("SELECT r.name || ', ' || (SELECT count(*) FROM $mirror.sessions WHERE room_id = 'shared') || ', ' || (SELECT string_agg(DISTINCT name, ' ') FROM $mirror.session_peers WHERE session_id = 'same') FROM $mirror.rooms AS r WHERE id = 'shared'"),
		"room of $mirror, " . (1 + { main => 0, north => 1, south => 2 }->{$mirror}) . ", peer of $mirror", "$mirror has what its account has");
	return;
}

# One session, one after the other, by turns.
own_tokens(sub {
	my $session = $db->session;
	foreach my $server ('', 'north', 'south')
	{
		$session->value("SET hms.server = '$server'");
		$session->value("CALL hms_sync('$_')") foreach @names;
		is($session->value('SHOW hms.server'), $server, "hms.server is still '$server'");
		is($session->value("SELECT name FROM hms_room('shared')"), 'room of ' . ($server || 'main'), 'and functions use it');
	}
	$session->quit;
	is_in_step($_) foreach @names;
}, 'three mirrors');
$api{north}->add(rooms => [ { id => 'shared', name => 'renamed', enabled => true, created_at => $at } ]);
own_tokens(sub { $db->value("SET hms.server = 'south'; CALL hms_sync('$_')") foreach @names }, 'again');
is($db->value("SELECT string_agg(name, ', ') FROM (SELECT * FROM main.rooms UNION ALL SELECT * FROM north.rooms UNION ALL SELECT * FROM south.rooms) AS r WHERE id = 'shared'"), 'room of main, renamed, room of south', 'what changes in one account changes in its mirror');

# A mirror stays with its account.
is($db->value("SET hms.server = 'south'; SELECT hms_create_mirror('main'), hms_create_mirror('main', 'hms'), hms_create_mirror('north', 'north'); SELECT string_agg(coalesce(server, '-'), ' ') FROM (SELECT server FROM main.sync_settings UNION ALL SELECT server FROM north.sync_settings UNION ALL SELECT server FROM south.sync_settings) AS s"),
	"||\n- north south", 'made again it has the account that it had');
is($db->error("SELECT hms_create_mirror('$_->[0]', '$_->[1]')")->{state}, '55000', "$_->[0] does not become one of $_->[1]") foreach [qw(main north)], [qw(north south)], [qw(south hms)];

# A webhook is signed with the secret of its account.
my $ids = 0;
sub webhook
{
	my ($mirror, $signer, %more) = @_;
	my $body = encode({ id => 'event-' . ++$ids, type => 'session.open.success', timestamp => $at, data => { room_id => 'told', session_id => "by-$signer", session_started_at => $at } });
	my $headers = encode({ 'x-100ms-signature' => hmac_sha256_hex($body, "the-secret-of-$signer") });
	my ($code, $out, $err) = $db->run(($more{before} // '') . "SELECT hms_receive_webhook('$mirror', '$body'::json, '$headers', '$body')");
	return $out || Hms::Db::parse_error($err)->{state};
}
foreach my $mirror (@names)
{
	is(webhook($mirror, $_, before => "SET hms.server = 'south'; "), $_ eq $mirror ? 't' : '28000', "the mirror $mirror " . ($_ eq $mirror ? 'takes' : 'refuses') . " what $_ has signed") foreach @names;
	is($db->value("SELECT string_agg(id, ' ') FROM $mirror.sessions WHERE room_id = 'told'"), "by-$mirror", 'and nothing else is stored');
}
own_tokens(sub { $db->value("CALL hms_sync('$_')") foreach @names }, 'what webhooks told of');
is($db->value("SELECT count(*) FROM (SELECT id FROM main.sessions UNION ALL SELECT id FROM north.sessions UNION ALL SELECT id FROM south.sessions) AS s WHERE id LIKE 'by-%'"), 0, 'is asked of the account that told it');

# Whoever has no mapping is told so, and nothing is stored.
$db->value("CREATE SCHEMA theirs AUTHORIZATION owner; GRANT USAGE ON FOREIGN SERVER north TO owner; SET ROLE owner; SELECT hms_create_mirror('theirs', 'north')");
foreach my $call ("CALL hms_sync('theirs')", "SELECT hms_verify_mirror('theirs')")
{
	own_tokens(sub {
		my $error = $db->error("SET ROLE owner; $call");
		is($error->{state}, '42704', "$call: refused without a mapping");
		is($error->{message}, 'user mapping not found for user "owner", server "north"', 'which is said');
		is(scalar(map { $_->log } values %api), 0, 'nothing is asked');
	}, $call);
}
is($db->value('SELECT (SELECT count(*) FROM theirs.rooms) + (SELECT count(*) FROM theirs.sessions) + (SELECT count(*) FROM theirs.sync_marks) + (SELECT count(*) FROM theirs.sync_queue)'), 0, 'nothing is stored');
is($db->value("SELECT string_agg(state || ': ' || detail, ' ') FROM theirs.sync_runs"), 'failed: user mapping not found for user "owner", server "north"', 'but why the run failed');
is(webhook('theirs', 'north', before => 'SET ROLE owner; '), '42704', 'a signed webhook needs one too');
is($db->value('SELECT count(*) FROM theirs.webhook_events'), 0, 'and is not stored');
$db->value("CREATE USER MAPPING FOR owner SERVER north OPTIONS (access_key 'north-key', secret 'the-secret-of-north')");
own_tokens(sub { $db->value("SET ROLE owner; CALL hms_sync('theirs')") }, 'with a mapping');
is($db->value("SELECT name FROM theirs.rooms WHERE id = 'shared'"), 'renamed', 'with one it works');
is(webhook('theirs', 'north', before => 'SET ROLE owner; '), 't', 'for webhooks too');

done_testing();
