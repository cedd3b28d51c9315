# A few hundred random queries over lists of 100ms, which must agree with the same over plain tables; script/fuzz runs
# thousands.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Queries;
use Test::More;

my $count   = $ENV{HMS_QUERIES} // 300;
my $queries = Queries->launch(seed => $ENV{HMS_SEED} // 1);
my $problem = $queries->run(1, $count);
ok(!defined $problem, "$count random queries") or diag $problem;
cmp_ok($queries->{skipped} // 0, '<', $count / 10, 'few of which are errors themselves');
$queries->stop;
done_testing();
