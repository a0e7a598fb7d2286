import { exchanges } from '../suites/exchanges.ts'

exchanges({ broker: 'redis' })
