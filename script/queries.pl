# What script/fuzz runs at its end: random queries over lists, against plain tables of the same rows.

use strict;
use warnings;

use Queries;
use Test::More;
use Time::HiRes qw(time);

my $seconds = shift // 150;
my $seed    = shift // int time;

my $queries = Queries->launch(seed => $seed);
my ($start, $to, $problem) = (time, 0);
while (time - $start < $seconds && !defined $problem)
{
	$problem = $queries->run($to + 1, $to + 100);
	$to += 100;
}
ok(!defined $problem, "$to random queries, seed $seed") or diag $problem;
$queries->stop;
done_testing();
