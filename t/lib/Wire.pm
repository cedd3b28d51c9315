# A server that speaks whatever bytes a test wants, for what a real HTTP server would not say.
#
#   my $wire = Wire->launch(sub { my ($socket, $count, $head, $body) = @_; print $socket "…"; return $keep });
#   $wire->url;         # base URL to set hms.api_url to
#   $wire->requests;    # lines "METHOD target", oldest first

package Wire;

use strict;
use warnings;

use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Time::HiRes ();

my @running;
my $count = 0;

# Starts it. The handler is called for each request, in a process of the connection's own, with the number of the request
# since the start; a false value from it closes the connection.
sub launch
{
	my ($class, $handler) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 100) or die "could not listen: $!";
	my $self     = bless {
		port => $listener->sockport,
		log  => PostgreSQL::Test::Utils::tempdir() . '/wire' . ++$count }, $class;
	append_to_file($self->{log}, '');
	defined($self->{pid} = fork) or die "could not fork: $!";
	if ($self->{pid} == 0)
	{
		$SIG{TERM} = $SIG{CHLD} = 'DEFAULT';
		$SIG{CHLD} = 'IGNORE';
		while (my $socket = $listener->accept)
		{
			next if fork;
			alarm 60;    # nobody is left behind
			$self->_serve($socket, $handler);
			POSIX::_exit(0);
		}
		POSIX::_exit(0);
	}
	close $listener;
	push @running, $self;
	return $self;
}

sub url { return "http://127.0.0.1:$_[0]{port}/v2" }

sub requests
{
	my ($self) = @_;
	return split /\n/, slurp_file($self->{log});
}

sub clear
{
	my ($self) = @_;
	open my $log, '>', $self->{log} or die $!;
	close $log;
	return;
}

sub stop
{
	my ($self) = @_;
	return unless my $pid = delete $self->{pid};
	local $?;
	kill 'TERM', $pid;
	waitpid $pid, 0;
	return;
}

END { $_->stop foreach @running }

sub _serve
{
	my ($self, $socket, $handler) = @_;
	$socket->autoflush(1);
	while (1)
	{
		my ($head, $body) = ('', '');
		until ($head =~ /\r\n\r\n\z/)
		{
			return unless sysread $socket, $head, 1, length $head;
		}
		my ($length) = $head =~ /^content-length: *(\d+)/mi;
		while (length $body < ($length // 0))
		{
			return unless sysread $socket, $body, $length - length $body, length $body;
		}
		my ($line) = $head =~ /\A(\S+ \S+)/;
		append_to_file($self->{log}, "$line\n");
		$handler->($socket, scalar $self->requests, $head, $body) or return;
	}
}

1;
