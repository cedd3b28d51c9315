# Runs the TAP files given, two at a time, and writes "passed failed" to the file named first. Of a file that fails, the
# end of its log is shown: what it died of is there.

use strict;
use warnings;

use File::Basename qw(basename);
use TAP::Harness;
use TAP::Parser::Aggregator;

my $log_lines = 30;

my ($counts, @files) = @ARGV;
my $harness = TAP::Harness->new({ jobs => 2, timer => 1, failures => 1, comments => 0 });
my $all     = TAP::Parser::Aggregator->new;

$all->start;
my $finished = eval { $harness->aggregate_tests($all, @files); 1 } or print $@;
$all->stop;
$harness->summary($all);

# A file that ends early, or badly, fails even where every test that it reached passed.
my ($passed, $failed) = (0, $finished ? 0 : 1);
foreach my $file (@files)
{
	my ($parser) = eval { $all->parsers($file) };
	my $bad = () = $parser ? $parser->failed : 'not run';
	$bad ||= 1 if $parser && $parser->has_problems;
	$passed += () = $parser->passed if $parser;
	$failed += $bad;
	show_log($file) if $bad;
}

open my $out, '>', $counts or die "could not write \"$counts\": $!";
print $out "$passed $failed\n";
close $out;
exit($failed > 0);

# Prints the last lines of the log of a TAP file.
sub show_log
{
	my ($file) = @_;
	my $name = basename($file, '.pl');
	open my $log, '<', "$ENV{TESTDIR}/tmp_check/log/regress_log_$name" or return;
	my @lines = <$log>;
	splice @lines, 0, -$log_lines if @lines > $log_lines;
	print "--- the end of the log of $file\n", @lines;
	return;
}
