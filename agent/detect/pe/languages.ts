/** Names by Windows' number of a language, as Windows shows them in English. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0x0000, 'Language Neutral'],
  [0x0401, 'Arabic (Saudi Arabia)'],
  [0x0404, 'Chinese (Traditional, Taiwan)'],
  [0x0405, 'Czech (Czech Republic)'],
  [0x0406, 'Danish (Denmark)'],
  [0x0407, 'German (Germany)'],
  [0x0408, 'Greek (Greece)'],
  [0x0409, 'English (United States)'],
  [0x040a, 'Spanish (Spain, Traditional Sort)'],
  [0x040b, 'Finnish (Finland)'],
  [0x040c, 'French (France)'],
  [0x040d, 'Hebrew (Israel)'],
  [0x040e, 'Hungarian (Hungary)'],
  [0x0410, 'Italian (Italy)'],
  [0x0411, 'Japanese (Japan)'],
  [0x0412, 'Korean (Korea)'],
  [0x0413, 'Dutch (Netherlands)'],
  [0x0414, 'Norwegian Bokmål (Norway)'],
  [0x0415, 'Polish (Poland)'],
  [0x0416, 'Portuguese (Brazil)'],
  [0x0418, 'Romanian (Romania)'],
  [0x0419, 'Russian (Russia)'],
  [0x041d, 'Swedish (Sweden)'],
  [0x041e, 'Thai (Thailand)'],
  [0x041f, 'Turkish (Turkey)'],
  [0x0422, 'Ukrainian (Ukraine)'],
  [0x0429, 'Persian (Iran)'],
  [0x042a, 'Vietnamese (Vietnam)'],
  [0x0804, 'Chinese (Simplified, China)'],
  [0x0809, 'English (United Kingdom)'],
  [0x0816, 'Portuguese (Portugal)'],
  [0x0c04, 'Chinese (Traditional, Hong Kong S.A.R.)'],
  [0x0c0a, 'Spanish (Spain, International Sort)'],
]);

/** Name of a language; its number, for example `0x0439`, where it is not among the common ones. */
export function languageName(id: number): string {
  return NAMES.get(id) ?? (Number.isNaN(id) ? '' : `0x${id.toString(16).padStart(4, '0')}`);
}
