import { fleetCalls } from '../suites/fleetCalls.ts'

fleetCalls({ broker: 'rabbitmq' })
