# The SQL of the documents: reads their sql blocks and runs them against a stand-in as they stand.
#
#   my ($api, $db) = run_document('docs/cookbook.md');    # each statement is a test
#   my @sql = statements('docs/cookbook.md');             # [line, text], …

package Docs;

use strict;
use warnings;

use Exporter 'import';
use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(document run_document statements);

# The text of a document of the checkout.
sub document
{
	my ($name) = @_;
	return slurp_file("$ENV{top_builddir}/$name");
}

# The statements in the sql blocks of a document as [line, text].
sub statements
{
	my ($name) = @_;
	my (@statements, $text, $first, $quoted);
	my ($line, $inside) = (0, 0);
	foreach (split /^/, document($name))
	{
		$line++;
		if (/^\s*```/)
		{
			die "$name:$line: a statement has no end" if $inside && $text =~ /\S/;
			$inside = !$inside && /^\s*```sql\b/;
			($text, $quoted) = ('', 0);
		}
		elsif ($inside)
		{
			$first = $line if $text eq '';
			$text .= $_;
			next if /^\s*(?:--|$)/;
			$quoted ^= 1 foreach /\$\$/g;
			$quoted = 1 if /\bBEGIN ATOMIC\b/;
			$quoted = 0 if /^END;/;
			next if $quoted || !/(?:;|\\gset)\s*(?:--.*)?$/;
			push @statements, [$first, $text];
			$text = '';
		}
	}
	return @statements;
}

# Runs them in order, in one session of a server of their own. Each must succeed in silence, and what selects must have
# rows. The stand-in and the server stay for the test to ask.
sub run_document
{
	my ($name) = @_;
	my $api     = Hms::Api->launch;
	my $db      = Hms::Db->launch($api);
	my $session = $db->session;
	$session->ask('SET client_min_messages = warning');
	$api->clear;
	foreach my $statement (statements($name))
	{
		my ($line, $sql) = @$statement;
		my ($out, $err) = $session->ask("$sql\\echo rows :ROW_COUNT");
		is($err, '', "$name:$line runs") or diag $sql;
		like($out, qr/^rows [1-9]\d*\z/m, "$name:$line has rows") or diag $sql
		  if $sql =~ /\A(?:\s|--.*\n)*(?:SELECT|WITH|TABLE)\b/;
	}
	$session->quit;
	return ($api, $db);
}

1;
