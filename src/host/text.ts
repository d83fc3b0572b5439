/** Text for the user, in both languages of the project: the types of base, under the name that the tables here use. */

export type { Bilingual as Text, Lang } from "../base/lang";
