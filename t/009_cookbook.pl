# The SQL of README.md and docs/cookbook.md runs against the stand-in as it stands, and what selects has rows.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Docs;
use Test::More;

foreach my $name (qw(README.md docs/cookbook.md))
{
	cmp_ok(scalar statements($name), '>=', $name =~ /cookbook/ ? 10 : 5, "$name has SQL to run");
	run_document($name);
}

done_testing();
