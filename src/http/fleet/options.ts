import type { Alerts } from '../../alerts/alerts.ts'
import { ArgumentError } from '../../std/errors.ts'
import { type OptionTable, readOptions } from '../../std/optionTable.ts'
import { requireFlag, shown } from '../../std/validate.ts'

/** How the fleet is shown. */
export interface FleetOptions {
  // <FLEET_OPTIONS> written by `npm run docs:api` from the table below
  /** Show it to every client, where the API has no `authorize`. Default `false`. */
  open?: boolean | undefined
  /**
   * Let admins call and schedule any task, exposed or not: where the server has no code of its own. Default `false`.
   */
  anyTask?: boolean | undefined
  /** Report the fleet at `/metrics` under the names that Flower has, too. Default `false`. */
  flowerMetrics?: boolean | undefined
  /** `new Alerts(app, …)`: what is watched, and who gets the alerts. Started with the recorder. Default: none. */
  alerts?: Alerts | undefined
  // </FLEET_OPTIONS>
}

/** Each option by itself. */
export interface ParsedFleetOptions {
  readonly open: boolean
  readonly anyTask: boolean
  readonly flowerMetrics: boolean
  readonly alerts: Alerts | undefined
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
    doc: 'let admins call and schedule any task, exposed or not: where the server has no code of its own',
  },
  flowerMetrics: {
    kind: 'flag',
    check: requireFlag,
    default: false,
    doc: 'report the fleet at `/metrics` under the [names that Flower has](fleet.md#metrics), too',
  },
  alerts: {
    kind: 'value',
    type: 'Alerts',
    absent: 'none',
    check: requireAlerts,
    doc: '`new Alerts(app, …)`: [what is watched](fleet.md#alerts), and who gets the alerts',
    more: 'Started with the recorder.',
  },
}

/** Undefined: no fleet is shown. Throws ArgumentError, also where it would be shown to every client unasked. */
export function parseFleet(
  fleet: boolean | FleetOptions | undefined,
  isAuthorized: boolean,
): ParsedFleetOptions | undefined {
  if (fleet === undefined || fleet === false) return undefined
  const parsed = readOptions(FLEET_OPTIONS, fleet === true ? {} : fleet, 'http: fleet')
  if (isAuthorized || parsed.open) return parsed
  throw new ArgumentError(
    'http: fleet: expected `authorize`, which says who may see it, or `fleet: { open: true }` for every client',
  )
}

function requireAlerts(alerts: unknown, where: string): void {
  if (typeof (alerts as Partial<Alerts> | null)?.report === 'function') return
  throw new ArgumentError(`${where}: expected new Alerts(app, …) of celeriac/alerts, got ${shown(alerts)}`)
}
