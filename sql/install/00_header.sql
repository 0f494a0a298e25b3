/* customer_journey: install script, put together from sql/install */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION customer_journey" to load this file. \quit

