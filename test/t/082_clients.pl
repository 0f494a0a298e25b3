# Programs over the wire: what test/clients holds, each where what it needs is
# at hand.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use Test::More;

my $clients = "$FindBin::RealBin/../clients";
my $modules = $ENV{CLIENT_MODULES} // '';
my $jar = $ENV{PGJDBC_JAR} // '/usr/share/java/postgresql.jar';
my $with_node = $modules ne ''
  && system("node -e \"require('$modules/pg'); require('$modules/pg-copy-streams')\" >/dev/null 2>&1") == 0;
my $with_java = -f $jar && system('javac -version >/dev/null 2>&1') == 0;
plan skip_all => 'needs node and the npm packages pg and pg-copy-streams (CLIENT_MODULES), or a JDK and PGJDBC_JAR'
  unless $with_node || $with_java;

my $node = start_node('clients');
my $user = getpwuid($<);
my $port = $node->port;
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
$node->append_conf('pg_hba.conf', "host all all 127.0.0.1/32 trust");
$node->restart;

# Runs a client in a database of its own; its lines become tests.
sub client
{
	my ($name, $checks, $command) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, 'CREATE EXTENSION customer_journey');
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $port, PGDATABASE => $name, PGUSER => $user);
	my @lines = split /\n/, `$command 2>&1`;
	is($?, 0, "$name: ends well");
	foreach my $line (@lines)
	{
		$line =~ /^(not )?ok - (.*)/ ? ok(!$1, "$name: $2") : diag($line);
	}
	is(scalar(grep { /^(not )?ok / } @lines), $checks, "$name: all of it ran");
}

SKIP:
{
	skip 'no node, or not its packages', 1 unless $with_node;
	client('node', 21, "node $clients/node.js");
}
SKIP:
{
	skip 'no JDK, or no JDBC driver', 1 unless $with_java;
	client('jdbc', 8, "java -cp $jar $clients/Jdbc.java 'jdbc:postgresql://127.0.0.1:$port/jdbc?user=$user'");
}
done_testing();
