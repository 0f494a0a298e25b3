// Runs statements in another system for measure.pl, in this process.
//
//	node peer.mjs clickhouse|duckdb MODULES DATABASE
//
// MODULES is the directory that holds node_modules, DATABASE where the system
// keeps its data.  A request is the statement's length in bytes on a line of
// its own and then the statement; an answer is "ok" or "error" and a length on
// a line, and then the rows, tab-separated, NULL as \N; or the error's text.
//
// Copyright (c) 2026, the customer_journey developers

import { createRequire } from 'node:module'
import { readSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const [system, modules, database] = process.argv.slice(2)
const load = createRequire(join(modules, 'package.json'))

async function openClickhouse() {
	const session = new (load('chdb').Session)(database)
	return (statement) => session.query(statement, 'TSV')
}

async function openDuckdb() {
	const { DuckDBInstance } = load('@duckdb/node-api')
	const connection = await (await DuckDBInstance.create(database)).connect()
	const text = (value) => (value === null ? '\\N' : String(value))
	return async (statement) => {
		const rows = (await connection.runAndReadAll(statement)).getRows()
		return rows.map((row) => row.map(text).join('\t') + '\n').join('')
	}
}

function read(length) {
	const bytes = Buffer.alloc(length)
	for (let at = 0; at < length; ) {
		const got = readSync(0, bytes, at, length - at)
		if (got === 0) return null
		at += got
	}
	return bytes.toString('utf8')
}

function readLine() {
	let line = ''
	for (let c = read(1); c !== '\n'; c = read(1)) {
		if (c === null) return null
		line += c
	}
	return line
}

function answer(status, text) {
	const body = Buffer.from(text, 'utf8')
	const bytes = Buffer.concat([Buffer.from(`${status} ${body.length}\n`), body])
	for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at)
}

const run = await { clickhouse: openClickhouse, duckdb: openDuckdb }[system]()
for (let length = readLine(); length !== null; length = readLine()) {
	const statement = read(Number(length))
	try {
		answer('ok', await run(statement))
	} catch (error) {
		answer('error', error.message)
	}
}
process.exit(0)
