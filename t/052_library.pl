# A libcurl that can't do what is asked of it is refused, and a server without a postmaster makes requests like any other.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $dir = PostgreSQL::Test::Utils::tempdir();
chmod 0755, $dir;

# libcurl under another name, for libjwt where that needs it.
{
	my $file = qx(gcc -print-file-name=libcurl.so);
	chomp $file;
	append_to_file("$dir/libreal.so.4", slurp_file($file) =~ s/libcurl\.so\.4/libreal.so.4/gr);
}

# A library in the place of libcurl that says this of itself.
sub library_that_says
{
	my ($version, $number, $features, $protocol) = @_;
	my $here = "$dir/$number-$features-$protocol";
	mkdir $here or die $!;
	append_to_file("$here/curl.c", <<"C");
#include <curl/curl.h>
#undef curl_version_info
static const char *const protocols[] = {"$protocol", NULL};
static curl_version_info_data info = {.age = CURLVERSION_NOW, .version = "$version", .version_num = $number, .features = $features, .protocols = protocols};
curl_version_info_data *curl_version_info(CURLversion stamp) { return &info; }
C
	system_or_bail('gcc', '-shared', '-fPIC', '-Wl,-soname,libcurl.so.4', '-o', "$here/libcurl.so.4", "$here/curl.c", '-Wl,--no-as-needed', "$dir/libreal.so.4");
	return "$here:$dir";
}

my $all = 'CURL_VERSION_SSL|CURL_VERSION_ASYNCHDNS';
foreach my $case (
	['too old',                     qr/7\.87 or later/,    '7.86.0', '0x075600', $all,                     'https'],
	['names resolved synchronously', qr/could be cancelled/, '8.5.0',  '0x080500', 'CURL_VERSION_SSL',       'https'],
	['no TLS',                      qr/HTTPS/,             '8.5.0',  '0x080500', 'CURL_VERSION_ASYNCHDNS', 'https'],
	['no https',                    qr/HTTPS/,             '8.5.0',  '0x080500', $all,                     'http'])
{
	my ($what, $detail, @library) = @$case;
	my $db;
	{
		local $ENV{LD_LIBRARY_PATH} = library_that_says(@library);
		$db = Hms::Db->launch($api);
	}
	foreach my $sql ('SELECT count(*) FROM hms_rooms()', 'SELECT hms_create_room()')
	{
		my $error = $db->error($sql);
		is($error->{state}, '0A000', "$what: refused: $sql") or diag $error->{text};
		like($error->{message}, qr/libcurl \Q$library[0]\E/, 'by its version');
		like($error->{detail}, $detail, 'and the reason is said');
	}
	my ($ok, $said) = split /\|/, $db->value(q[SELECT ok, detail FROM hms_check() WHERE "check" = 'versions']);
	ok($ok eq 'f' && $said =~ /libcurl \Q$library[0]\E/ && $said =~ $detail, "$what: hms_check says so") or diag "$ok $said";
	is($db->value("SELECT length(hms_auth_token('r', 'x')) > 100"), 't', "$what: tokens are signed all the same");
	$db->stop('immediate');
}
is(scalar $api->log, 0, 'no request was sent');

# postgres --single
{
	my $db = Hms::Db->launch($api);
	is($db->value('SELECT count(*) > 0 FROM hms_rooms()'), 't', 'with a postmaster');
	$db->stop;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'postgres', '--single', '-D', $db->data_dir, 'postgres' ], '<', \"SELECT 'rooms: ' || (count(*) > 0) AS found FROM hms_rooms()\n", '>', \$out, '2>', \$err);
	like($out, qr/rooms: true/, 'and without') or diag "$out\n$err";
}

done_testing();
