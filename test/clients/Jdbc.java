// What a Java program sees over the wire, with PostgreSQL's JDBC driver:
// setString sends varchar, "?" is a placeholder, prepared statements turn into
// named ones after five executions, arrays and objects of unknown types.
//
//   java -cp postgresql.jar test/clients/Jdbc.java jdbc:postgresql://...
//
// Prints a line a check, "ok - what" or "not ok - what: why".
import java.sql.*;
import java.util.*;

class Jdbc {
    interface Body { void run() throws Exception; }
    static Connection connection;
    static int failed = 0;

    static void check(String what, Body body) {
        try {
            body.run();
            System.out.println("ok - " + what);
        } catch (Throwable error) {
            failed++;
            System.out.println("not ok - " + what + ": " + String.valueOf(error.getMessage()).replace('\n', ' '));
        }
    }

    static void same(Object found, Object expected) {
        if (!Objects.equals(found, expected))
            throw new AssertionError("got " + found + ", not " + expected);
    }

    static Object one(String query, Object... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(query)) {
            for (int i = 0; i < values.length; i++)
                if (values[i] instanceof String[])
                    statement.setArray(i + 1, connection.createArrayOf("text", (String[]) values[i]));
                else if (values[i] instanceof String)
                    statement.setString(i + 1, (String) values[i]);
                else
                    statement.setObject(i + 1, values[i]);
            ResultSet rows = statement.executeQuery();
            rows.next();
            return rows.getObject(1);
        }
    }

    public static void main(String[] arguments) throws Exception {
        connection = DriverManager.getConnection(arguments[0]);
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE journeys (customer_id int PRIMARY KEY, journey journey);"
                + "INSERT INTO journeys VALUES "
                + "(1, '{view@web 2026-01-01 10:00:00+00, cart@web 2026-01-01 10:05:00+00, purchase@web(20.5) 2026-01-02 09:00:00+00}'),"
                + "(2, '{view@app 2026-01-01 12:00:00+00, view@app 2026-01-01 12:10:00+00}'), (3, '{}')");
        }
        final String count = "SELECT count(*)::int FROM journeys WHERE ";
        check("a pattern by setString", () -> same(one(count + "journey ~ ?", "view -> purchase"), 1));
        check("a pattern by setObject without a type", () -> {
            try (PreparedStatement statement = connection.prepareStatement(count + "journey ~ ?")) {
                statement.setObject(1, "view -> view", Types.OTHER);
                ResultSet rows = statement.executeQuery();
                rows.next();
                same(rows.getInt(1), 1);
            }
        });
        check("a statement that the driver names and reads in binary after some runs", () -> {
            try (PreparedStatement statement = connection.prepareStatement(
                    "SELECT journey, journey_length(journey), journey_value(journey), journey_start(journey) FROM journeys WHERE journey ~ ? ORDER BY 1")) {
                for (int i = 0; i < 12; i++) {
                    statement.setString(1, i % 2 == 0 ? "cart" : "view view");
                    ResultSet rows = statement.executeQuery();
                    same(rows.next(), true);
                    same(rows.getInt(2), i % 2 == 0 ? 3 : 2);
                    same(rows.getObject(3), i % 2 == 0 ? (Object) 20.5 : null);
                    same(rows.getTimestamp(4).toInstant().toString(), i % 2 == 0 ? "2026-01-01T10:00:00Z" : "2026-01-01T12:00:00Z");
                    same(rows.getString(1).startsWith("{view@"), true);
                    same(rows.next(), false);
                }
            }
        });
        check("arrays of names and of patterns", () -> {
            same(one(count + "journey @> ?", (Object) new String[] { "view", "cart" }), 1);
            same(one(count + "journey && ?", (Object) new String[] { "cart", "nothing" }), 1);
            same(one("SELECT journey_funnel_level(journey, ?::journey_pattern[]) FROM journeys WHERE customer_id = ?",
                new String[] { "view", "cart" }, 1), 2);
        });
        check("a journey as text and back", () -> {
            String text = one("SELECT journey FROM journeys WHERE customer_id = ?", 1).toString();
            same(one(count + "journey = ?::journey", text), 1);
        });
        check("arrays of composites as rows, as text and as JSON", () -> {
            try (Statement statement = connection.createStatement()) {
                ResultSet rows = statement.executeQuery(
                    "SELECT p.* FROM unnest((SELECT top_paths(journey) FROM journeys)) p ORDER BY p.path");
                rows.next();
                same(rows.getString("path"), "view > cart > purchase");
                same(rows.getLong("journeys"), 1L);
                same(rows.getDouble("share"), 0.5);
                same(((String[]) rows.getArray("events").getArray()).length, 3);
            }
            Array paths = (Array) one("SELECT top_paths(journey) FROM journeys");
            same(((Object[]) paths.getArray()).length, 2);
            same(one("SELECT jsonb_array_length(to_jsonb(top_paths(journey))) FROM journeys"), 2);
        });
        check("an error has its SQLSTATE, and the session goes on", () -> {
            try {
                one(count + "journey ~ ?", "view ->");
                throw new AssertionError("no error");
            } catch (SQLException error) {
                same(error.getSQLState(), "22P02");
            }
            same(one("SELECT ?::int", 1), 1);
        });
        check("views have types that the driver knows", () -> {
            try (Statement statement = connection.createStatement()) {
                statement.execute("SELECT journey_views('journeys', steps => '{view,cart}', conversion => 'purchase')");
                for (String view : new String[] { "customers", "edges", "funnel", "attribution", "features" }) {
                    ResultSet rows = statement.executeQuery("SELECT * FROM journeys_" + view);
                    ResultSetMetaData columns = rows.getMetaData();
                    for (int i = 1; i <= columns.getColumnCount(); i++)
                        same(Set.of(Types.VARCHAR, Types.BIGINT, Types.DOUBLE, Types.BIT, Types.BOOLEAN, Types.TIMESTAMP,
                            Types.TIMESTAMP_WITH_TIMEZONE).contains(columns.getColumnType(i)), true);
                    same(rows.next(), true);
                }
            }
        });
        connection.close();
        System.exit(failed > 0 ? 1 : 0);
    }
}
