# Attendance, usage, talk time and concurrency: every row compared with an oracle that works it out the slow way
# (test/analytics/), over the stand-in's school and over worlds made for each sentence of what the functions promise;
# then what a row cannot show: how often the API is asked, what now is, what is refused, who may ask.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api);

# Rows: the checks of check.py, one by one.
{
	local @ENV{qw(PGHOST PGPORT PGDATABASE)} = ($db->host, $db->port, 'postgres');
	my @command = ('/usr/bin/python3', '-B', "$FindBin::Bin/../test/analytics/check.py",
		'--api' => $api->{origin}, '--seed' => $ENV{HMS_TEST_SEED} // 1, '--worlds' => $ENV{HMS_TEST_WORLDS} // 30);
	open my $out, '-|', @command or die "could not run check.py: $!";
	my ($seen, $planned) = (0, -1);
	while (my $line = <$out>)
	{
		chomp $line;
		if    ($line =~ /^(not )?ok \d+ - (.*)/) { ok(!$1, $2); $seen++ }
		elsif ($line =~ /^1\.\.(\d+)$/)          { $planned = $1 }
		else                                     { diag $line }
	}
	close $out;
	is($seen, $planned, 'the comparison reached its end');
}

# The requests of a statement, as path and what they ask for.
sub requests_of
{
	my ($sql) = @_;
	my @seen = $api->during(sub { $db->value($sql) });
	return [ map { "$_->{path}?$_->{query}" } @seen ];
}

my $world = $api->world;
my ($room) = map { $_->{id} } grep { $_->{name} eq 'math-101' } @{ $world->{rooms} };

# Once a call: no page is asked for twice, whatever plan the statement around the call gets.
{
	my %call = (
		"hms_attendance('$room')"    => [qr{/sessions}],
		"hms_session_usage('$room')" => [qr{/sessions}],
		"hms_talk_time('$room')"     => [qr{/sessions}, qr{/analytics/events}],
		"hms_concurrency('$room', step => '10 minutes')" => [qr{/sessions}]);
	my $planner = join ' ', map { "SET enable_$_ = off;" } qw(hashjoin mergejoin material memoize hashagg);
	foreach my $call (sort keys %call)
	{
		my $once = requests_of("SELECT count(*) FROM $call");
		my %distinct = map { $_ => 1 } @$once;
		is(scalar @$once, scalar keys %distinct, "no page twice: $call");
		foreach my $path (@{ $call{$call} })
		{
			ok((grep { /$path/ } @$once) > 0, "asks $path: $call");
		}
		my $column = $call =~ /concurrency/ ? 'at::text' : 'session_id';
		foreach my $sql (
			"SELECT count(*) FROM generate_series(1, 20) g LEFT JOIN $call r ON r.$column = g::text",
			"SELECT count((SELECT count(*) FROM $call r WHERE r.$column <> g::text)) FROM generate_series(1, 20) g")
		{
			is(scalar @{ requests_of("$planner $sql") }, scalar @$once, "as many requests: $sql");
		}
	}
}

# One session is one request, and one of another room has no rows.
{
	my ($session) = grep { $_->{room_id} eq $room } @{ $world->{sessions} };
	my ($other)   = grep { $_->{room_id} ne $room && %{ $_->{peers} // {} } } @{ $world->{sessions} };
	is_deeply(requests_of("SELECT count(*) FROM hms_attendance('$room', '$session->{id}')"),
		["/v2/sessions/$session->{id}?"], 'one session is one request');
	is($db->value("SELECT count(*) FROM hms_attendance('$room', '$other->{id}')"), 0, 'a session of another room');
	is($db->value("SELECT count(*) FROM hms_attendance('$room', 'no-such-session')"), 0, 'a session that is not there');
}

# A room named twice counts once; no room is not every room.
{
	my $expected = $db->value("SELECT sum(peers) FROM hms_session_usage('$room')");
	is($db->value("SELECT sum(peers) FROM hms_session_usage(ARRAY['$room', '$room'])"),
		$expected, 'a room named twice counts once');
	foreach my $none (q('{}'), 'NULL')
	{
		is_deeply(requests_of("SELECT count(*) FROM $_($none\::text[])"), [], "no rooms, no requests: $_($none)")
		  foreach qw(hms_attendance hms_session_usage hms_talk_time hms_concurrency);
	}
}

# A step must be longer than zero; what is refused is not sent.
foreach my $step ("'0'", "'-1 minute'", 'NULL')
{
	foreach my $query ("hms_concurrency('$room', step => $step)", "hms_concurrency(ARRAY['$room'], step => (SELECT interval $step))",
		"(VALUES (interval $step)) AS v (step), hms_concurrency('$room', step => v.step)")
	{
		my $error;
		my @seen = $api->during(sub { $error = $db->error("SELECT * FROM " . $query =~ s/interval NULL/NULL::interval/r) });
		is($error->{state}, '22023', "a step of $step is refused: $query");
		is(scalar @seen, 0, "and nothing is sent: $query");
	}
}

# Now is when the statement began, not when its transaction did.
{
	my $session = $db->session;
	$session->ask('BEGIN');
	$session->value('SELECT pg_sleep(0.5)');
	my $now = $session->value(q{SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')});
	$api->add(sessions => [ {
		id => 'late-session', room_id => 'late-room', active => true, created_at => $now, updated_at => $now,
		peers => { p => { id => 'p', session_id => 'late-session', user_id => 'u', name => 'U', role => 'r',
			joined_at => $now } } } ]);
	$session->value('SELECT pg_sleep(0.1)');
	my $row = $session->value("SELECT inside, duration > '0.09 s', duration < '0.4 s' FROM hms_attendance('late-room')");
	is($row, 't|t|t', 'a stay that began within the transaction lasts until the statement');
	is($session->value("SELECT min(a.duration) = max(b.duration) FROM hms_attendance('late-room') a, hms_attendance('late-room') b"),
		't', 'now is the same for the whole statement');
	$session->ask('COMMIT');
	$session->quit;
}

# EXECUTE on one of the functions is enough for it, and for no other of the public ones.
{
	$db->value('CREATE ROLE reporter LOGIN; GRANT EXECUTE ON FUNCTION hms_talk_time(text, text) TO reporter');
	my $as = 'SET ROLE reporter;';
	cmp_ok($db->value("$as SELECT count(*) FROM hms_talk_time('$room')"), '>', 0, 'EXECUTE on hms_talk_time is enough');
	foreach my $call ("hms_attendance('$room')", "hms_sessions('$room')")
	{
		is($db->error("$as SELECT * FROM $call")->{state}, '42501', "and not for $call");
	}
}

done_testing();
