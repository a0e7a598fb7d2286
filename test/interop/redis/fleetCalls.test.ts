import { fleetCalls } from '../suites/fleetCalls.ts'

fleetCalls({ broker: 'redis' })
