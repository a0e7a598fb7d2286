import { shared } from '../suites/shared.ts'

shared({ broker: 'rabbitmq' })
