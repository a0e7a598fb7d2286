import { fleetHttp } from '../suites/fleetHttp.ts'

fleetHttp({ broker: 'redis' })
