# Tokens as others sign them: times as RFC 7519 has them, and what is no time.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(hmac_sha256);
use Hms;
use MIME::Base64 'encode_base64url';
use Test::More;

my $api     = Hms::Api->launch;
my $db      = Hms::Db->launch($api);
my $session = $db->session;
my $now     = time;

# A token with these claims, which are JSON text, beside its access key.
sub token
{
	my (%claim) = @_;
	$claim{access_key} //= qq("$api->{access_key}");
	my $claims = '{' . join(',', map { qq("$_":$claim{$_}) } grep { $claim{$_} ne '' } sort keys %claim) . '}';
	my $signed = join '.', map { encode_base64url($_) } '{"alg":"HS256","typ":"JWT"}', $claims;
	return $signed . '.' . encode_base64url(hmac_sha256($signed, $api->{secret}));
}

# What is said of a token: nothing, or the detail of its refusal.
sub verdict
{
	my $error = $session->error("SELECT hms_verify_token('" . token(@_) . "')");
	return $error->{state} ? "$error->{state} $error->{detail}" : '';
}

my $later = $now + 3600;
my ($mantissa, $exponent) = (sprintf('%.10f', $later / 1e9), 'e9');
foreach my $time ($later, "$later.0", "$later.75", "$mantissa$exponent", "${later}000e-3", "$mantissa" . 'E+9', '4e9', '1e15')
{
	is(verdict(exp => $time), '', "valid until $time");
	is(verdict(exp => 4e9, nbf => $time), $time eq '' ? '' : '28000 It is not valid yet.', "not valid before $time");
}
foreach my $time ($now - 3600, ($now - 3600) . '.5', sprintf('%.10fe9', ($now - 3600) / 1e9), 0, '0.0', -1, '1e-5', '-1e9')
{
	is(verdict(exp => $time), '28000 It has expired.', "expired at $time");
	is(verdict(exp => $later, nbf => $time), '', "valid from $time");
}
is(verdict(exp => ''), '28000 It has no expiry.', 'without an expiry');
foreach my $odd (qq("$later"), 'true', 'null', '[]', "[$later]", '{}', '""', '"2099-01-01T00:00:00Z"')
{
	is(verdict(exp => $odd), '28000 One of its times is not a number.', "an expiry that is no time: $odd");
	is(verdict(exp => $later, nbf => $odd), '28000 One of its times is not a number.', "a beginning that is none: $odd");
	is(verdict(exp => $later, iat => $odd), '28000 One of its times is not a number.', "an issue that is none: $odd");
}
like(verdict(exp => '1e400'), qr/^28000/, 'no number that is beyond all numbers');
foreach my $key ('"other"', '1', 'null', '["' . $api->{access_key} . '"]', '""')
{
	is(verdict(exp => $later, access_key => $key), '28000 It was made for another access key.', "another access key: $key");
}
is($session->value("SELECT hms_verify_token('" . token(exp => '4.0e9', nbf => '1.5', x => '{"a": [1, 2.5]}') . "') - 'access_key'"),
	'{"x": {"a": [1, 2.5]}, "exp": 4000000000.0, "nbf": 1.5}', 'its claims are returned as they are');
like(verdict(exp => "$later,\"exp\":1"), qr/^28000/, 'of members of one name the last counts');

$session->quit;
done_testing();
