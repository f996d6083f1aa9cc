export { type ImageMeaning, meaningOf } from "./image-table.ts";
