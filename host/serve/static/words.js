// Numbers as people read them.

export const number = (value) => {
  const digits = value && value < 10 ? 1 : 0;
  return value.toLocaleString("en-GB", { maximumFractionDigits: digits });
};

export const percent = (part) => `${(100 * part).toFixed(1)}%`;

export const ms = (value) =>
  value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value >= 100 ? value.toFixed(0) : value.toPrecision(2)} ms`;
