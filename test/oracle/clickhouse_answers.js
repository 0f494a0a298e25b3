// Answers of ClickHouse (npm package chdb) for random groups of rows.
//
//   node clickhouse_answers.js rows.tsv answers.tsv
//
// rows.tsv: group, kind, time, three conditions as 0 or 1.  Groups of kind 0 have many
// ties and serve window funnels and retention; kind 1 has distinct times, for sequences.
const path = process.env.CHDB_MODULES ? process.env.CHDB_MODULES + '/chdb' : 'chdb';
const { query } = require(path);
const fs = require('fs');
const [rows, answers] = process.argv.slice(2);
const source = `file('${rows}', 'TSV', 'g UInt32, kind UInt8, t UInt32, a UInt8, b UInt8, c UInt8')`;
const sql = `
SELECT g,
       windowFunnel(5)(t, a, b, c),
       windowFunnel(5, 'strict_once')(t, a, b, c),
       sequenceMatch('(?1)(?2)')(toDateTime(t), a, b, c),
       sequenceMatch('(?1).*(?2).(?3)')(toDateTime(t), a, b, c),
       sequenceCount('(?1).*(?2)')(toDateTime(t), a, b, c),
       sequenceCount('(?1)(?1).*(?3)')(toDateTime(t), a, b, c),
       sequenceCount('(?2).(?1)')(toDateTime(t), a, b, c),
       retention(a, b, c),
       windowFunnel(5, 'strict_order')(t, a, b, c),
       windowFunnel(5, 'strict_deduplication')(t, a, b, c),
       windowFunnel(5, 'strict_increase')(t, a, b, c),
       windowFunnel(5, 'strict_order', 'strict_deduplication')(t, a, b, c),
       windowFunnel(5, 'strict_order', 'allow_reentry')(t, a, b, c)
FROM ${source} GROUP BY g ORDER BY g`;
fs.writeFileSync(answers, query(sql, 'TSV'));
