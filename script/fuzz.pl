# What script/fuzz runs for the second half of its time: mutated answers into a real backend.

use strict;
use warnings;

use Fuzz;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seconds = shift // 150;
my $seed    = shift // int time;
my $step    = 200;

my $fuzz  = Fuzz->launch(seed => $seed);
my $start = time;
my ($from, $problem) = (0);
my $memory;
while (time - $start < $seconds && !defined $problem)
{
	$problem = $fuzz->run($from + 1, $from + $step);
	$from += $step;
	$memory //= $fuzz->{session}->memory('RssAnon') unless defined $problem;
}
if (defined $problem)
{
	my ($number) = $problem =~ /^answer (\d+)/;
	diag $problem;
	diag 'the answer: ' . $fuzz->answer($number) if $number;
}
ok(!defined $problem, sprintf '%d answers, each to 16 calls, seed %d, %d s', $from, $seed, time - $start);
cmp_ok($fuzz->{session}->memory('RssAnon') - $memory, '<=', 4096, 'and the backend did not grow') unless defined $problem;
$fuzz->stop;
done_testing();
