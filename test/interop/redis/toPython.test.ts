import { toPython } from '../suites/toPython.ts'

toPython()
