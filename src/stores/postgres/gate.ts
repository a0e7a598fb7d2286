import type { Statement, Step } from './connection/pipeline.ts'

/*
 * What a transaction writes may depend on what its first statement found, as whether a delivery was still ours. That
 * statement opens gates, by their numbers; the rows of later ones name a gate, or none. The numbers are kept in a
 * setting of the transaction, so that all of it is one round trip.
 */

/** SQL: the numbers of the open gates, an array. A subquery is read once, not for each row. */
export const OPEN_GATES: string = "((SELECT nullif(current_setting('celeriac.gate', true), '')::bigint[])::bigint[])"

/** For use in a WHERE clause over rows with a column `gate`: the gate is open, or there is none. */
export const GATED: string = `(gate IS NULL OR gate = ANY (${OPEN_GATES}))`

/** SQL: opens the gates with these numbers. `numbers` is an expression, an array of bigint; its value is a text. */
export function opening(numbers: string): string {
  return `set_config('celeriac.gate', coalesce(${numbers}, '{}')::text, true)`
}

/** SQL: the same, and those that are open stay so. */
export function alsoOpening(numbers: string): string {
  const open = "coalesce(nullif(current_setting('celeriac.gate', true), ''), '{}')::bigint[]"
  return `set_config('celeriac.gate', (${open} || coalesce(${numbers}, '{}'))::text, true)`
}

const REQUIRE: Statement = {
  name: 'require',
  text: "SELECT celeriac.require(cardinality(nullif(current_setting('celeriac.gate', true), '')::bigint[]) > 0)",
}

/** A step that undoes the whole transaction where no gate is open: it rejects with `isRefusal`. */
export const REQUIRED: Step = { statement: REQUIRE, values: [] }

/** SQLSTATE of `celeriac.require`, in a class that PostgreSQL leaves to others. */
const REFUSED = 'CE001'

/** The function that `REQUIRED` calls. */
export const REQUIRE_FUNCTION: string = `
CREATE FUNCTION celeriac.require(holds boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF holds IS NOT TRUE THEN
    RAISE EXCEPTION 'nothing is written, as the condition of this transaction does not hold' USING ERRCODE = '${REFUSED}';
  END IF;
END $$;`

/** The transaction was undone by `REQUIRED`. */
export function isRefusal(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  return code === REFUSED || (cause instanceof Error && isRefusal(cause))
}
