// What a program sees over the wire, with the npm packages pg and
// pg-copy-streams: prepared statements, parameters of every kind, results as
// text and binary, arrays of composites, COPY in binary.
//
//   CLIENT_MODULES=.../node_modules PGHOST=... PGPORT=... PGDATABASE=... node test/clients/node.js
//
// Prints a line a check, "ok - what" or "not ok - what: why".
'use strict';
const assert = require('node:assert');
const modules = process.env.CLIENT_MODULES;
const net = require('node:net');
const { Client } = require(`${modules}/pg`);
const copy = require(`${modules}/pg-copy-streams`);
const { pipeline } = require('node:stream/promises');
const { Readable } = require('node:stream');

const client = new Client();
let failed = 0;

async function check(what, body) {
  try {
    await body();
    console.log(`ok - ${what}`);
  } catch (error) {
    failed++;
    console.log(`not ok - ${what}: ${error.message.split('\n').join(' | ')}`);
  }
}

const one = async (text, values) => Object.values((await client.query(text, values)).rows[0])[0];

// The first value of a query's result in binary. The driver decodes all it
// receives as UTF-8, so this speaks the protocol itself: a session of its own,
// which is trusted, and the extended protocol with format 1.
async function binary(text) {
  const string = (value) => Buffer.from(`${value}\0`);
  const message = (type, ...parts) => {
    const body = Buffer.concat(parts);
    const head = Buffer.alloc(type.length + 4);
    head.write(type);
    head.writeInt32BE(body.length + 4, type.length);
    return Buffer.concat([head, body]);
  };
  const int16 = (...values) => Buffer.concat(values.map((v) => Buffer.from([v >> 8, v & 255])));
  const { PGHOST: host, PGPORT: port, PGUSER: user, PGDATABASE: database } = process.env;
  const socket = net.connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
  socket.write(Buffer.concat([
    message('', int16(3, 0), string('user'), string(user), string('database'), string(database), Buffer.from([0])),
    message('P', string(''), string(text), int16(0)),
    message('B', string(''), string(''), int16(0, 0, 1, 1)),
    message('E', string(''), Buffer.alloc(4)), message('S'), message('X')]));
  const all = await collect(socket);
  let value;
  for (let at = 0; at < all.length; at += 1 + all.readInt32BE(at + 1)) {
    const type = String.fromCharCode(all[at]);
    if (type === 'E') throw new Error(all.toString('utf8', at + 5, at + 5 + all.readInt32BE(at + 1)));
    if (type === 'D') {
      assert.strictEqual(all.readInt16BE(at + 5), 1, 'one column');
      value = all.subarray(at + 11, at + 11 + all.readInt32BE(at + 7));
    }
  }
  return value;
}

async function fails(text, values, code) {
  await assert.rejects(client.query(text, values), (error) => {
    assert.strictEqual(error.code, code);
    return true;
  });
}

// An array of composites in binary: dimensions, flags, element type, bounds,
// then each element's fields with their types and lengths.
function decodeArray(buffer) {
  let at = 0;
  const int = () => { at += 4; return buffer.readInt32BE(at - 4); };
  assert.strictEqual(int(), 1, 'one dimension');
  int();
  int();
  const elements = int();
  assert.strictEqual(int(), 1, 'from 1');
  const found = [];
  for (let i = 0; i < elements; i++) {
    int();
    const fields = [];
    for (let n = int(); n > 0; n--) {
      int();
      const length = int();
      fields.push(length < 0 ? null : buffer.subarray(at, at + length));
      at += Math.max(length, 0);
    }
    found.push(fields);
  }
  assert.strictEqual(at, buffer.length, 'nothing is left over');
  return found;
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function main() {
  await client.connect();
  await client.query(`CREATE TABLE journeys (customer_id int PRIMARY KEY, journey journey);
    INSERT INTO journeys VALUES
      (1, '{view@web 2026-01-01 10:00:00+00, cart@web 2026-01-01 10:05:00+00, purchase@web(20.5)#"sku 1" 2026-01-02 09:00:00+00}'),
      (2, '{view@app 2026-01-01 12:00:00+00, "größer, ""x""" 2026-01-01 12:10:00+00}'), (3, '{}'), (4, NULL)`);

  const count = 'SELECT count(*)::int FROM journeys WHERE ';
  await check('a pattern as a parameter without a type', async () =>
    assert.strictEqual(await one(`${count} journey ~ $1`, ['view -> purchase']), 1));
  await check('a prepared statement, with one pattern after another', async () => {
    const found = [];
    for (const pattern of ['view', 'cart', 'purchase(value >= 21)', 'view', 'view', 'view', '. .']) {
      const result = await client.query({ name: 'search', text: `${count} journey ~ $1`, values: [pattern] });
      found.push(result.rows[0].count);
    }
    assert.deepStrictEqual(found, [2, 1, 0, 2, 2, 2, 2]);
  });
  for (const type of ['text', 'varchar', 'journey_pattern']) {
    await check(`a pattern as a parameter of type ${type}`, async () => {
      assert.strictEqual(await one(`${count} journey ~ $1::${type}`, ['view -> purchase']), 1);
      await client.query(`PREPARE by_${type}(${type}) AS ${count} journey ~ $1`);
      assert.strictEqual(await one(`EXECUTE by_${type}('view -> cart')`), 1);
    });
  }
  await check('an array of names as a parameter', async () => {
    assert.strictEqual(await one(`${count} journey @> $1`, [['view', 'cart']]), 1);
    assert.strictEqual(await one(`${count} journey && $1`, [['größer, "x"', 'cart']]), 2);
  });
  await check('an array of patterns as a parameter', async () =>
    assert.strictEqual(await one('SELECT journey_funnel_level(journey, $1) FROM journeys WHERE customer_id = $2',
      [['view', 'cart', 'purchase'], 1]), 3));
  await check('arguments by name, an interval and a time', async () =>
    assert.strictEqual(await one(`SELECT (journey_funnel(journey, $1, within => $2, as_of => $3)).level
      FROM journeys WHERE customer_id = 1`, [['view', 'cart', 'purchase'], '1 hour', new Date('2026-02-01T00:00:00Z')]), 2));
  await check('a journey as text and back', async () => {
    const texts = (await client.query('SELECT journey FROM journeys WHERE journey IS NOT NULL ORDER BY 1')).rows;
    assert.strictEqual(texts.length, 3);
    for (const { journey } of texts) {
      assert.strictEqual(typeof journey, 'string');
      assert.strictEqual(await one(`${count} journey = $1`, [journey]), 1);
    }
  });
  await check('a journey in binary and back', async () => {
    for (const id of [1, 2, 3]) {
      const bytes = await binary(`SELECT journey FROM journeys WHERE customer_id = ${id}`);
      assert.ok(Buffer.isBuffer(bytes));
      assert.ok(bytes.equals(await one('SELECT journey_send(journey) FROM journeys WHERE customer_id = $1', [id])));
      assert.strictEqual(await one(`${count} journey = $1`, [bytes]), 1);
    }
  });
  await check('patterns, graphs and models in binary and back', async () => {
    for (const value of [`'view -[<= 1 day]-> purchase'::journey_pattern`, '(SELECT journey_graph_agg(journey) FROM journeys)',
      '(SELECT propensity_fit(i % 3 = 0, ARRAY[i % 7, i % 2]::float8[]) FROM generate_series(1, 50) i)']) {
      const type = await one(`SELECT pg_typeof(${value})::text`);
      const bytes = await binary(`SELECT ${value}`);
      assert.strictEqual(await one(`SELECT $1::${type}::text = ${value}::text`, [bytes]), true, type);
    }
  });
  await check('bytes that are no journey are an error', async () => {
    await fails('SELECT $1::journey', [Buffer.from('nonsense')], '22P03');
    await fails('SELECT $1::journey', ['{view}'], '22P02');
  });
  await check('a pattern that is none is an error, and the session goes on', async () => {
    await fails(`${count} journey ~ $1`, ['view ->'], '22P02');
    await client.query('SELECT 1');
  });
  await check('arrays of composites as rows of plain columns', async () => {
    const { rows } = await client.query('SELECT p.path, p.length, p.journeys, p.share FROM unnest((SELECT top_paths(journey) FROM journeys)) p ORDER BY path');
    assert.deepStrictEqual(rows[0], { path: 'view > cart > purchase', length: 3, journeys: '1', share: 0.5 });
    assert.strictEqual(rows[1].path, 'view > größer, "x"');
  });
  await check('arrays of composites as JSON', async () => {
    const paths = await one('SELECT to_jsonb(top_paths(journey)) FROM journeys');
    assert.strictEqual(paths.length, 2);
    assert.deepStrictEqual(paths[0].events.slice(0, 1), ['view']);
    assert.strictEqual(paths[0].share, 0.5);
  });
  await check('arrays of composites as text', async () => {
    const text = await one('SELECT top_paths(journey) FROM journeys');
    assert.strictEqual(typeof text, 'string');
    assert.strictEqual(await one('SELECT cardinality($1::top_path[])', [text]), 2);
  });
  await check('arrays of composites in binary and back', async () => {
    const bytes = await binary('SELECT top_paths(journey) FROM journeys');
    const paths = decodeArray(bytes);
    assert.deepStrictEqual(paths.map((fields) => fields[0].toString()).sort(), ['view > cart > purchase', 'view > größer, "x"']);
    assert.deepStrictEqual(paths.map((fields) => [fields[3].readBigInt64BE(), fields[4].readDoubleBE()]), [[1n, 0.5], [1n, 0.5]]);
    assert.strictEqual(await one('SELECT $1::top_path[] = (SELECT top_paths(journey) FROM journeys)', [bytes]), true);
    assert.strictEqual(decodeArray(await binary(
      `SELECT funnel_stats(journey_funnel(journey, '{view,cart}')) FROM journeys`)).length, 2);
  });
  await check('composites of options from a parameter', async () =>
    assert.strictEqual(await one('SELECT cardinality(top_paths(journey, path_options(top => $1))) FROM journeys', [1]), 1));
  await check('COPY in binary, out and in', async () => {
    const bytes = await collect(client.query(copy.to('COPY journeys TO STDOUT (FORMAT binary)')));
    await client.query('CREATE TABLE copied (LIKE journeys)');
    await pipeline(Readable.from([bytes]), client.query(copy.from('COPY copied FROM STDIN (FORMAT binary)')));
    assert.strictEqual(await one('SELECT count(*)::int FROM copied'), 4);
    assert.strictEqual(await one('SELECT count(*)::int FROM copied c JOIN journeys j USING (customer_id) WHERE c.journey IS NOT DISTINCT FROM j.journey'), 4);
    assert.ok(bytes.equals(await collect(client.query(copy.to('COPY copied TO STDOUT (FORMAT binary)')))));
  });
  await check('COPY in binary stops at damaged bytes, and the session goes on', async () => {
    const bytes = await collect(client.query(copy.to('COPY journeys TO STDOUT (FORMAT binary)')));
    bytes[33] ^= 0xff;     // header, column count, key, length: the journey's first byte
    await assert.rejects(pipeline(Readable.from([bytes]), client.query(copy.from('COPY copied FROM STDIN (FORMAT binary)'))));
    assert.strictEqual(await one('SELECT count(*)::int FROM copied'), 4);
  });
  await check('views have no types that the driver does not know', async () => {
    const made = (await client.query(`SELECT view_name FROM journey_views('journeys', steps => $1, conversion => $2)`,
      [['view', 'cart'], 'purchase'])).rows;
    const known = new Set([16, 20, 25, 701, 1184]);
    for (const { view_name: view } of made) {
      const { fields } = await client.query(`SELECT * FROM ${view}`);
      assert.deepStrictEqual(fields.filter((field) => !known.has(field.dataTypeID)), [], view);
    }
    assert.strictEqual(made.length, 15);
  });
  await client.end();
  process.exitCode = failed > 0 ? 1 : 0;
}

main().catch((error) => {
  console.log(`not ok - the client ran to its end: ${error.message}`);
  process.exit(1);
});
