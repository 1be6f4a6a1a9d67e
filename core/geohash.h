/* geohash: places on Earth as numbers, so that what is near in number is near on the map. Pure functions, any caller.
 *
 * A cell is one of 2^step columns (x, west to east) and 2^step rows (y, south to north) of the map between the latitudes that
 * the Mercator projection shows. Its number has the bits of both, taking turns, a column's first:
 *
 *     x2 y2 x1 y1 x0 y0        step 3; a cell's number is the first bits of those of all cells in it
 *
 * A place's score is the number of its cell of step 26, 52 bits, which a double holds; a range of scores is all of a
 * coarser cell. The numbers, and every rounding on the way to them, are those of Redis. Degrees and metres. */
#ifndef KEVY_GEOHASH_H
#define KEVY_GEOHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GEO_STEPS 26
#define GEO_TEXT 11  /* characters of a geohash string */
#define GEO_CELLS 9

typedef struct geo_place {
  double longitude, latitude;
} geo_place;

/* Whether the map has it: longitudes from -180 to 180, latitudes from -85.05112878 to 85.05112878. */
bool geo_on_map(geo_place at);

/* The score of a place on the map; the middle of the cell of a score, for any double. */
double geo_score(geo_place at);
geo_place geo_of_score(double score);

/* The geohash as other programs write it, with latitudes from -90 to 90. */
void geo_text(geo_place at, char text[GEO_TEXT]);

/* Along a great circle. */
double geo_distance(geo_place a, geo_place b);

/* What is within a radius of a place, or in a box around it. */
typedef struct geo_area {
  geo_place center;
  bool box;
  double radius, width, height;
} geo_area;

bool geo_within(const geo_area *area, geo_place at, double *distance);

/* Ranges of scores that hold all places of an area: first <= score < end. */
typedef struct geo_cover {
  uint32_t n;
  struct {
    double first, end;
  } ranges[GEO_CELLS];
} geo_cover;
void geo_cover_area(const geo_area *area, geo_cover *cover);

#endif
