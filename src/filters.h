/*
 * filters.h
 *		Conditions of a query made into filters of a request.
 */
#ifndef HMS_FILTERS_H
#define HMS_FILTERS_H

#include "postgres.h"

#include "nodes/pathnodes.h"

#include "request.h"

/* What a condition says of the column that a parameter filters by. */
typedef enum HmsFilterOp
{
	HMS_IS,						/* has this value */
	HMS_IS_ANY,					/* one of those in the array */
	HMS_IS_TRUE,				/* no value */
	HMS_IS_FALSE,				/* no value */
	HMS_NOT_BEFORE,
	HMS_NOT_AFTER
} HmsFilterOp;

/* One condition as a filter: of a row of the endpoint's table of parameters. */
typedef struct HmsFilter
{
	int			param;
	HmsFilterOp op;
	Expr	   *value;			/* NULL: needs none */
} HmsFilter;

/*
 * The filters, a List of HmsFilter, that these conditions (RestrictInfos) on the
 * relation are, where "columns" are its columns' names for the endpoint, by
 * number from 1 on; NULL: that column has none.  "given": the parameters that an
 * argument gives for good.  All of the conditions stay to be checked.  "used": those that were taken, if not NULL.
 */
extern List *hms_filters_of(PlannerInfo *root, const HmsEndpoint *endpoint,
							RelOptInfo *rel, const char *const *columns,
							int ncolumns, const Bitmapset *given,
							List *conditions, List **used);

/* Might a filter be a condition on this column? */
extern bool hms_filters_take(const HmsEndpoint *endpoint, const char *column);

/* What a plan keeps of filters beside their values, and back. */
extern List *hms_filters_to_plan(List *filters, List **values);
extern List *hms_filters_from_plan(List *kept, List *values);

/*
 * Put filters, whose values are those, into the arguments where a parameter has
 * none or one that may be narrowed.  "is_condition" says of each argument whether
 * a condition has given it.  False: no row can pass.  What is made is in the
 * current memory context; nothing is raised for a value, which at worst is left
 * to be checked by PostgreSQL.
 */
extern bool hms_filters_apply(const HmsEndpoint *endpoint, List *filters,
							  const Datum *values, const bool *nulls,
							  HmsArg *args, bool *is_condition);

#endif							/* HMS_FILTERS_H */
