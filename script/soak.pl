# What script/soak runs: many tokens and many calls in one backend, its memory and descriptors looked at on the way.

use strict;
use warnings;

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

# Of what the test modules say, only the failures are wanted here.
Test::More->builder->output(\my $unwanted);

my $tokens = shift // 1_000_000;
my $calls  = shift // 100_000;
my $steps  = 10;

my $api     = Hms::Api->launch;
my $db      = Hms::Db->launch($api, statement_timeout => 0);
my $session = $db->session(timeout => 24 * 3600);

# Runs a statement ten times. What the first two rounds allocate is kept for good reason: caches, and the room that
# malloc and PostgreSQL like to have. After them nothing may be added.
sub soak
{
	my ($name, $count, $sql) = @_;
	my ($memory, $fds);
	diag sprintf '%-30s %10s %6s %8s', "$count $name", 'memory kB', 'fds', 'seconds';
	foreach my $step (1 .. $steps)
	{
		my $seconds = seconds_of(sub { $session->value($sql) });
		($memory, $fds) = ($session->memory('RssAnon'), $session->fds) if $step <= 2;
		diag sprintf '%30d %10d %6d %8.1f', $step * $count / $steps, $session->memory('RssAnon'), $session->fds, $seconds;
	}
	cmp_ok($session->memory('RssAnon') - $memory, '<=', 512, "$count $name: memory stays");
	is($session->fds, $fds, "$count $name: descriptors stay");
	return;
}

soak('tokens', $tokens, "SELECT count(hms_auth_token('room', 'role', 'user' || i)) FROM generate_series(1, $tokens / $steps) i");
soak('calls', $calls, "SELECT count(hms_api_get('/sessions', jsonb_build_object('room_id', i, 'limit', 10))) FROM generate_series(1, $calls / $steps) i");
soak('walks', $calls / 50, "SELECT count(*) FROM generate_series(1, $calls / 50 / $steps) i, LATERAL (SELECT id FROM hms_sessions(active => i < 0) LIMIT 1) s");

$session->quit;
done_testing();
