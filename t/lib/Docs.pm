# The documents keep their word: reads their blocks, runs the SQL of them as it stands on a server set up as script/demo
# --keep sets up its own (pg_cron, legacy APIs), and compares the output that they show.
#
#   my ($api, $db) = run_document('docs/cookbook.md');    # each statement is a test, each output too
#   my @sql = statements('docs/cookbook.md');             # [line, text], …

package Docs;

use strict;
use warnings;

use Exporter 'import';
use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(cron_settings document pages run_document statements);

# The text of a document of the checkout.
sub document
{
	my ($name) = @_;
	return slurp_file("$ENV{top_builddir}/$name");
}

# Every page that there is.
sub pages
{
	return 'README.md', map { s{^\Q$ENV{top_builddir}\E/}{}r } sort glob "$ENV{top_builddir}/docs/*.md $ENV{top_builddir}/docs/*/*.md";
}

# The blocks of a document: {kind, line, text}; line is that of its first line.
sub blocks
{
	my ($name) = @_;
	my (@blocks, $block, $indent);
	my $line = 0;
	foreach (split /^/, document($name))
	{
		$line++;
		if (/^(\s*)```(\w*)/)
		{
			if ($block) { push @blocks, $block; undef $block }
			else { $indent = $1; $block = { kind => $2, line => $line + 1, text => '' } }
		}
		elsif ($block) { $block->{text} .= s/^$indent//r }
	}
	die "$name: a block has no end" if $block;
	return @blocks;
}

# The statements of a block of SQL as [line, text].
sub statements_of
{
	my ($name, $block) = @_;
	my (@statements, $first);
	my ($text, $quoted, $line) = ('', 0, $block->{line} - 1);
	foreach (split /^/, $block->{text})
	{
		$line++;
		$first = $line if $text eq '';
		$text .= $_;
		next if /^\s*(?:--|$)/;
		$quoted ^= 1 foreach /\$\$/g;
		$quoted = 1 if /\bBEGIN ATOMIC\b/;
		$quoted = 0 if /^END;/;
		next if $quoted || !/(?:;|\\gset)\s*(?:--.*)?$/;
		push @statements, [ $first, $text ];
		$text = '';
	}
	die "$name:$first: a statement has no end" if $text =~ /\S/;
	return @statements;
}

# The statements in the sql blocks of a document as [line, text].
sub statements
{
	my ($name) = @_;
	return map { statements_of($name, $_) } grep { $_->{kind} eq 'sql' } blocks($name);
}

# What a cell holds.
sub kind_of
{
	my ($cell) = @_;
	return
		$cell eq ''                               ? ''
	  : $cell =~ /^\d{4}-\d\d-\d\d \d\d:\d\d/     ? 'time'
	  : $cell =~ /^\d{4}-\d\d-\d\d$/              ? 'date'
	  : $cell =~ /^-?(?:\d+ days? )?\d+:\d\d(?::[\d.]+)?$/ ? 'interval'
	  : $cell =~ /^-?\d+(?:\.\d+)?$/              ? 'number'
	  : $cell =~ /^[tf]$/                         ? 'flag'
	  : 'text';
}

# Takes a table of psql's apart: the heads of its columns, the kinds in each, and how many rows.
sub table
{
	my ($text) = @_;
	my ($head, $line, @rows) = grep { /\S/ && !/^ …/ && !/^\(\d+ rows?\)$/ } split /\n/, $text;
	my @heads = map { s/^\s+|\s+$//gr } split /\|/, $head // '', -1;
	my @kinds = map { {} } @heads;
	my $count = 0;
	foreach (@rows)
	{
		next if /\+\s*$/;
		my @cells = map { s/^\s+|\s+$//gr } split /\|/, $_, scalar @heads;
		$kinds[$_]{ kind_of($cells[$_] // '') } = 1 foreach 0 .. $#heads;
		$count++;
	}
	return { heads => \@heads, kinds => \@kinds, count => $count };
}

my $version;    # of the server that runs the document

# Compares an output that a document shows with what came out. Times and numbers differ from run to run, so a table
# must have the same columns with the same kinds of values and, unless … stands for more, as many rows; of a plan or
# JSON each line must be there, whatever its numbers are.
sub output_is
{
	my ($where, $shown, $out) = @_;
	if ($shown !~ /^[\s]*-+(?:\+-+)*\s*$/m || $shown =~ /QUERY PLAN/)
	{
		my $plain = sub { return join ' ', split ' ', $_[0] =~ s/\d+(?:\.\d+)?/0/gr =~ s/\s*\+$//r };
		if ($version < 150000)    # has the alias of the inlined function
		{
			my $same = $plain;
			$plain = sub { return $same->($_[0]) =~ s/^Alias: \w+/Alias: s/r };
		}
		my %lines = map { $plain->($_) => 1 } split /\n/, $out;
		is_deeply([ grep { !$lines{$_} } map { $plain->($_) } grep { !/^\s*…|^\s*$|^\s*-+\s*$/ } split /\n/, $shown ], [], "$where shows what comes out") or diag $out;
		return;
	}
	my ($want, $got) = map { table($_) } $shown, $out;
	is_deeply($got->{heads}, $want->{heads}, "$where has these columns") or return diag $out;
	is($got->{count}, $want->{count}, "$where has as many rows") or diag $out unless $shown =~ /^ …/m;
	foreach my $n (0 .. $#{ $want->{heads} })
	{
		my @odd = grep { $_ ne '' && !$got->{kinds}[$n]{$_} } sort keys %{ $want->{kinds}[$n] };
		is("@odd", '', "$where: $want->{heads}[$n] holds such values") or diag $out;
	}
	return;
}

# What an older server does not know.
my $from_15 = qr/GRANT SET ON PARAMETER|FOR TABLES IN SCHEMA|^MERGE\b|security_invoker/m;

# Runs them in order, in one session of a server of their own. Each must succeed in silence, and what selects must have
# rows. The stand-in and the server stay for the test to ask. Options: given, SQL that is run first; skip, a pattern of
# statements that cannot be run; empty, one of those that may find nothing; before, patterns and the SQL that is run before
# such a statement.
sub run_document
{
	my ($name, %option) = @_;
	my $api  = Hms::Api->launch;
	my $db   = Hms::Db->launch($api, jit => 'off', wal_level => 'logical', %{ cron_settings() },
		'hms.beam_url' => "$api->{origin}/api/v2", 'hms.policy_url' => "$api->{origin}/policy/v1",
		'hms.webhook_secret' => 'standin-webhook-secret');
	my $session = $db->session;
	$version = $session->value('SHOW server_version_num');
	$session->ask('SET client_min_messages = warning');
	$session->ask($_) foreach '\pset format aligned', '\pset tuples_only off', '\pset footer off', "SET timezone = 'UTC'";
	$session->value($option{given}) if $option{given};
	$api->clear;
	my $last;
	foreach my $block (blocks($name))
	{
		output_is("$name:$block->{line}", $block->{text}, $last) if $block->{kind} eq 'text' && defined $last;
		undef $last;
		next unless $block->{kind} eq 'sql';
		foreach my $statement (statements_of($name, $block))
		{
		  SKIP:
			{
				my ($line, $sql) = @$statement;
				skip "$name:$line: pg_cron is not installed", 1 if $sql =~ /cron\b|hms_schedule_mirror/ && !%{ cron_settings() };
				skip "$name:$line: is from PostgreSQL 15", 1 if $sql =~ $from_15 && $version < 150000;
				next if $option{skip} && $sql =~ $option{skip};
				$session->value($option{before}{$_}) foreach grep { $sql =~ $_ } keys %{ $option{before} // {} };
				$session->ask('DROP EXTENSION hms CASCADE') if $sql =~ /^CREATE EXTENSION hms;/m;
				my ($out, $err) = $session->ask("$sql\\echo rows :ROW_COUNT");
				is($err, '', "$name:$line runs") or diag $sql;
				like($out, qr/^rows [1-9]\d*\z/m, "$name:$line has rows") or diag $sql
				  if $sql =~ /\A(?:\s|--.*\n)*(?:SELECT|WITH|TABLE)\b/ && !($option{empty} && $sql =~ $option{empty});
				$last = $out =~ s/\n?^rows \d+\z//mr;
			}
		}
	}
	$session->quit;
	return ($api, $db);
}

# What a server needs to run jobs; nothing where pg_cron is not installed.
sub cron_settings
{
	my $share = qx(pg_config --sharedir);
	chomp $share;
	return {} unless -e "$share/extension/pg_cron.control";
	return { shared_preload_libraries => 'pg_cron', 'cron.database_name' => 'postgres', 'cron.use_background_workers' => 'on' };
}

1;
