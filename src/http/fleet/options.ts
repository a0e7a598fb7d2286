import { ArgumentError } from '../../std/errors.ts'
import { type OptionTable, readOptions } from '../../std/optionTable.ts'
import { requireFlag } from '../../std/validate.ts'

/** How the fleet is shown. */
export interface FleetOptions {
  // <FLEET_OPTIONS> written by `npm run docs:api` from the table below
  /** Show it to every client, where the API has no `authorize`. Default `false`. */
  open?: boolean | undefined
  /** Let admins schedule any task, exposed or not: where the server has no code of its own. Default `false`. */
  anyTask?: boolean | undefined
  /** Report the fleet at `/metrics` under the names that Flower has, too. Default `false`. */
  flowerMetrics?: boolean | undefined
  // </FLEET_OPTIONS>
}

/** Each option by itself. */
export interface ParsedFleetOptions {
  readonly open: boolean
  readonly anyTask: boolean
  readonly flowerMetrics: boolean
}

export const FLEET_OPTIONS: OptionTable<FleetOptions, ParsedFleetOptions> = {
  open: {
    kind: 'flag',
    check: requireFlag,
    default: false,
    doc: 'show it to every client, where the API has no `authorize`',
  },
  anyTask: {
    kind: 'flag',
    check: requireFlag,
    default: false,
    doc: 'let admins schedule any task, exposed or not: where the server has no code of its own',
  },
  flowerMetrics: {
    kind: 'flag',
    check: requireFlag,
    default: false,
    doc: 'report the fleet at `/metrics` under the [names that Flower has](fleet.md#metrics), too',
  },
}

/** Undefined: no fleet is shown. Throws ArgumentError, also where it would be shown to every client unasked. */
export function parseFleet(
  fleet: boolean | FleetOptions | undefined,
  isAuthorized: boolean,
): ParsedFleetOptions | undefined {
  if (fleet === undefined || fleet === false) return undefined
  const parsed = readOptions(FLEET_OPTIONS, fleet === true ? {} : fleet, 'http: fleet', '')
  if (isAuthorized || parsed.open) return parsed
  throw new ArgumentError(
    'http: fleet: expected `authorize`, which says who may see it, or `fleet: { open: true }` for every client',
  )
}
