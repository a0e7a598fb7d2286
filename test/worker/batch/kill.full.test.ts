import { onAllStores } from '../../app/lab.ts'
import { killCases } from './kill.ts'

onAllStores((lab) => killCases(lab), { memory: false })
