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
  text: "SELECT celeriac.require(cardinality(nullif(current_setting('celeriac.gate', true), '')::bigint[]) > 0)::text",
}

/** A step that undoes the whole transaction where no gate is open: it rejects with `isRefusal`. */
export const REQUIRED: Step = { statement: REQUIRE, values: [] }

/**
 * For use in a WHERE clause over `celeriac.result r`: this transaction has written the row, in whichever savepoint of
 * it.
 */
export const WRITTEN_HERE: string = '(r.xmin = pg_current_xact_id()::xid OR celeriac.is_own(r.xmin))'

/** The function of `WRITTEN_HERE`. A row that is seen and whose writer is still in progress is one of ours. */
export const OWN_FUNCTION: string = `
CREATE FUNCTION celeriac.is_own(writer xid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  own bigint := pg_current_xact_id()::text::bigint;
  -- A savepoint has a later number than its transaction; numbers of 32 bits go round.
  later bigint := (writer::text::bigint - own) & 4294967295;
BEGIN
  IF later >= 2147483648 THEN
    RETURN false;
  END IF;
  BEGIN
    RETURN pg_xact_status((own + later)::text::xid8) = 'in progress';
  EXCEPTION WHEN invalid_parameter_value THEN
    -- No transaction has this number yet: the row is older than two thousand million of them.
    RETURN false;
  END;
END $$;`

/** SQLSTATE of `celeriac.require`, in a class that PostgreSQL leaves to others. */
export const REFUSED: string = 'CE001'

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
