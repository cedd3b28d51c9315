# The SQL of the documentation: every sql block of README.md and docs/cookbook.md runs against the stand-in as it stands,
# in the order of its document, and a report that promises rows has rows.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

foreach my $document (qw(README.md docs/cookbook.md))
{
	my $path   = "$ENV{top_builddir}/$document";
	my @blocks = blocks($path);
	cmp_ok(scalar @blocks, '>=', $document =~ /cookbook/ ? 10 : 5, "$document has SQL to run");

	my $api     = Hms::Api->launch;
	my $db      = Hms::Db->launch($api);
	my $session = $db->session;
	$session->ask('SET client_min_messages = warning');
	prepare($api, $session);
	foreach my $block (@blocks)
	{
		my ($line, $sql) = @$block;
		my ($out, $err) = $session->ask(fill_in($api, $sql));
		is($err, '', "$document:$line runs") or diag $sql;
		isnt($out, '', "$document:$line has rows") if $sql =~ /\A(?:\s|--[^\n]*\n)*(?:SELECT|WITH|TABLE)\b/i;
	}
	$session->quit;
}

# The sql blocks of a document as [line, text].
sub blocks
{
	my ($path) = @_;
	my (@blocks, $text, $first);
	my $line = 0;
	foreach (split /^/, slurp_file($path))
	{
		$line++;
		if (defined $text)
		{
			if (/^\s*```/) { push @blocks, [$first, $text]; undef $text }
			else           { $text .= $_ }
		}
		elsif (/^\s*```sql\b/) { ($text, $first) = ('', $line + 1) }
	}
	return @blocks;
}

# What the documents take for granted.
sub prepare { return }

# Ids of the documentation, as those of this world.
sub fill_in { my ($api, $sql) = @_; return $sql }

done_testing();
