import { processing } from './processing.ts'

await processing('sum', (number) => number + 2)
