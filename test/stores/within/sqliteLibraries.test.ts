import { librarySuite } from './librarySuite.ts'
import { useShop } from './shop.ts'
import { SQLITE_LIBRARIES } from './sqliteLibraries.ts'
import { SqliteShop } from './sqliteShop.ts'

librarySuite(useShop(new SqliteShop()), SQLITE_LIBRARIES)
