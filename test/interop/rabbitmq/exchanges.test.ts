import { exchanges } from '../suites/exchanges.ts'

exchanges({ broker: 'rabbitmq' })
