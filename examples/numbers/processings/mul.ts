import { processing } from './processing.ts'

await processing('mul', (number) => number * 2)
