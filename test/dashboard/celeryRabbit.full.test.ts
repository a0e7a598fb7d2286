import { useBrowser } from '../http/browser.ts'
import { celerySuite } from './celerySuite.ts'

celerySuite(useBrowser(), { broker: 'rabbitmq' })
