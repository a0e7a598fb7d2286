import { onEachStore } from '../../app/lab.ts'
import { killCases } from './kill.ts'

onEachStore((lab) => killCases(lab), { memory: false })
